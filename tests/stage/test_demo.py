"""The first hour of an owner: `uv run poe demo` in a new project, then `uv run poe check`."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import httpx
import pytest

from .conftest import FirstRun
from .project import Project

pytestmark = pytest.mark.slow


def test_the_demo_serves_a_page_and_a_prediction(first_run: FirstRun, stage: str) -> None:
    del stage
    assert first_run.page.status_code == 200
    assert "<html" in first_run.page.text
    assert first_run.prediction.status_code == 200
    announced = re.search(r"http://127\.0\.0\.1:\d+", first_run.printed)
    assert announced
    assert str(first_run.page.url).rstrip("/") == announced[0]


def test_the_demo_stops_when_asked_and_leaves_nothing_running(first_run: FirstRun, stage: str) -> None:
    del stage
    assert first_run.exit_code == 0, first_run.printed[-2000:]
    with pytest.raises(httpx.ConnectError):
        httpx.get(first_run.page.url, timeout=5)


def test_the_demo_prints_no_warning_and_no_traceback(first_run: FirstRun, stage: str) -> None:
    del stage
    for word in ("Traceback", "Warning:", "WARNING", "ERROR"):
        assert word not in first_run.printed


def test_the_project_is_under_version_control(trained: Project) -> None:
    assert trained.run("git", "log", "--format=%s").stdout.splitlines() == ["Start from the template"]
    # Without writing the index: others copy the project at the same time.
    changed = trained.run("git", "status", "--porcelain", "--ignored", GIT_OPTIONAL_LOCKS="0").stdout.splitlines()
    # What a run writes and git versions: results, and the record of what they were made from. No secrets, no data.
    tracked = {line[3:] for line in changed if not line.startswith("!!")}
    documents = {"README.md", "MODEL_CARD.md", "DATA_CARD.md", "LEARN.md", "slides.md", "project.yml"}
    assert tracked <= documents | {"dvc.lock", "reports/", "schema.yaml"}
    assert "dvc.lock" in tracked


def test_results_in_the_documents_are_those_of_the_run(trained: Project) -> None:
    readme = (trained.path / "README.md").read_text(encoding="utf-8")
    results = readme.split("<!-- results:begin -->")[1].split("<!-- results:end -->")[0]
    assert "No results yet" not in results
    assert str(trained.read_json("reports/metrics.json")["rows"]) in results
    assert trained.run("python", "-m", f"{trained.package}.report", "--check").returncode == 0
    for link in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", results):
        assert (trained.path / link).is_file(), link


def test_stale_results_fail_the_check(owned: Project) -> None:
    metrics = owned.path / "reports" / "metrics.json"
    metrics.write_text(metrics.read_text(encoding="utf-8").replace('"rows": ', '"rows": 1'), encoding="utf-8")
    done = owned.run("python", "-m", f"{owned.package}.report", "--check", check=False)
    assert done.returncode != 0
    assert "README.md" in done.stderr


def assert_tests_passed(printed: str) -> None:
    assert re.search(r"\d+ passed", printed), printed
    assert "warning" not in printed.lower(), printed
    assert " failed" not in printed


@pytest.mark.stages("tabular_regression")
def test_the_projects_own_check_passes_before_the_first_run(fresh: Project, tmp_path: Path) -> None:
    """A test may be skipped for want of a model, and says so."""
    done = fresh.copy_to(tmp_path / "project").run("poe", "check")
    assert_tests_passed(done.stdout + done.stderr)


def test_what_ci_runs_passes_after_the_first_run(trained: Project, tmp_path: Path) -> None:
    """The commands of the workflow, but for the training, which the demo has done, and the image (`test_image.py`).

    These are the parts of `poe check`. With a model no test is skipped.
    """
    project = trained.copy_to(tmp_path / "project")
    commands = [command for command in project.ci_commands() if not re.search(r"uv sync|poe smoke|docker", command)]
    assert len(commands) >= 5
    # The packages are there, in an environment that copies share.
    variables = {"UV_PROJECT_ENVIRONMENT": str(project.environment), "UV_NO_SYNC": "1"}
    printed = "".join(project.run("bash", "-e", "-c", command, **variables).stdout for command in commands)
    assert_tests_passed(printed)
    assert "skipped" not in printed


@pytest.mark.stages("tabular_regression")
def test_a_fault_fails_the_check(owned: Project) -> None:
    """The check, which is the same in all stages, is worth something: each of three faults stops it."""
    module = owned.source / "settings.py"
    sound = module.read_text(encoding="utf-8")
    for other in (owned.path / "tests").glob("test_*.py"):  # they pass, as the test above shows, and take a minute
        other.unlink()
    test = owned.path / "tests" / "test_fault.py"
    for fault, path, text in (
        ("F401", module, sound.replace("from pathlib", "import fractions\nfrom pathlib", 1)),
        ("error: Incompatible types", module, sound + '\n\nNUMBER: int = "text"\n'),
        ("1 failed", test, '"""A fault."""\n\n\ndef test_fault() -> None:\n    raise RuntimeError\n'),
    ):
        path.write_text(text, encoding="utf-8")
        done = owned.run("poe", "check", check=False)
        assert done.returncode != 0
        assert fault in done.stdout + done.stderr
        path.unlink()
        module.write_text(sound, encoding="utf-8")


def test_tasks_that_are_promised_exist(fresh: Project, stage: str) -> None:
    del stage
    tasks = tomllib.loads((fresh.path / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["poe"]["tasks"]
    assert {"demo", "check", "train", "serve", "mlflow", "report", "docker"} <= set(tasks)
    assert all(task["help"] for task in tasks.values())
    listed = fresh.run("poe", "--help").stdout
    assert all(name in listed for name in tasks)


def test_documented_commands_exist(fresh: Project, stage: str) -> None:
    """Every `uv run poe NAME` of the documents is a task, so that nobody types one in vain."""
    del stage
    tasks = tomllib.loads((fresh.path / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["poe"]["tasks"]
    texts = [path for path in fresh.path.rglob("*") if path.suffix in {".md", ".yml", ".yaml", ".py", ".html"}]
    texts = [path for path in texts if ".venv" not in path.parts]
    named = {name for path in texts for name in re.findall(r"uv run poe ([a-z][\w-]*)", path.read_text("utf-8"))}
    assert named
    assert named <= set(tasks)


def test_the_lock_file_is_for_every_platform(fresh: Project, uv: str, tmp_path: Path) -> None:
    """What was locked here installs elsewhere: no address of this machine is in the lock file."""
    copy = tmp_path / "project"
    shutil.copytree(fresh.path, copy, ignore=shutil.ignore_patterns(".venv"))
    checked = [uv, "lock", "--check", "--offline"]
    subprocess.run(checked, cwd=copy, env=fresh.variables, check=True, capture_output=True)
    lock = (copy / "uv.lock").read_text(encoding="utf-8")
    assert "file://" not in lock
    assert all(marker in lock for marker in ("win_amd64", "macosx", "manylinux"))
