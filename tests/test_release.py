"""The command line as users type it: a published release, its messages, odd folders, no git identity, an old Copier."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from contract import CONFIG, DEFAULT_STAGE, ROOT
from repository import commit, git, project_files

SOURCE = "gh:org/ai-roadmap-templates"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def hub(template, tmp_path) -> Path:
    """What https://github.com/ is for the commands of a test: a folder with this template in it."""
    published = tmp_path / "hub" / "org" / "ai-roadmap-templates.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(template), str(published))
    return published


@pytest.fixture
def run(hub, tmp_path) -> Run:
    """Runs a command in `tmp_path` for a person with an empty home folder, who never told git a name."""
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "COPIER_"))} | {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"url.{hub.parents[1].as_uri()}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        "GIT_CONFIG_KEY_1": "core.autocrlf",
        "GIT_CONFIG_VALUE_1": "true",
        "PYTHONUTF8": "1",
    }

    def run_command(*command: str, cwd: Path = tmp_path, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command], cwd=cwd, env=environment, check=check, text=True, encoding="utf-8",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    return run_command


@pytest.fixture
def copier(run) -> Run:
    return lambda *arguments, **options: run(sys.executable, "-m", "copier", *arguments, **options)


def answers_of(project: Path) -> dict[str, str]:
    return yaml.safe_load((project / ".copier-answers.yml").read_text("utf-8"))


COPY = ["copy", "--defaults", "--data", f"stage={DEFAULT_STAGE}", SOURCE]


def test_a_plain_copy_from_github_needs_no_trust(copier, tmp_path):
    copier(*COPY, "myproj")
    assert answers_of(tmp_path / "myproj")["stage"] == DEFAULT_STAGE


def test_the_answers_file_names_the_source_and_the_release(copier, tmp_path):
    copier(*COPY, "myproj")
    answers = answers_of(tmp_path / "myproj")
    assert (answers["_src_path"], answers["_commit"]) == (SOURCE, "v1.0.0")


def test_a_copy_without_a_stage_stops_and_names_the_question(copier, tmp_path):
    done = copier("copy", "--defaults", SOURCE, "myproj", check=False)
    assert done.returncode != 0
    assert "stage" in done.stdout
    assert not (tmp_path / "myproj").exists()


def test_a_plain_update_from_github_needs_no_trust(copier, template, hub, tmp_path):
    copier(*COPY, "myproj")
    project = tmp_path / "myproj"
    commit(project, "Start")
    newer = shutil.copytree(template, tmp_path / "newer")
    (newer / "templates" / "{{ layer.shared }}" / "news.txt").write_text("new\n", "utf-8")
    commit(newer, "Newer", tag="v1.1.0")
    git(newer, "push", "--quiet", "--tags", str(hub), "HEAD")
    printed = copier("update", "--defaults", cwd=project).stdout
    assert (project / "news.txt").exists()
    assert answers_of(project)["_commit"] == "v1.1.0"
    assert "git diff" in printed


def test_before_the_questions_it_says_what_will_be_asked(copier):
    assert "A few questions follow" in copier(*COPY, "myproj").stdout


def test_after_the_copy_it_says_what_to_type(copier):
    message = copier(*COPY, "myproj").stdout.partition("Your project is ready")[2]
    commands = re.findall(r"^  (\S.*)", message, re.MULTILINE)
    assert commands[0] == 'cd "myproj"'
    assert commands[1].startswith("uv run poe demo")
    assert len(commands) <= 3


def test_what_it_says_to_type_is_a_task_of_the_project(copier, tmp_path):
    message = copier(*COPY, "myproj").stdout.partition("Your project is ready")[2]
    tasks = re.findall(r"uv run poe (\w+)", message)
    pyproject = (tmp_path / "myproj" / "pyproject.toml").read_text("utf-8")
    assert tasks
    assert all(re.search(rf"^{task} = |^\[tool\.poe\.tasks\.{task}\]", pyproject, re.MULTILINE) for task in tasks)


@pytest.mark.parametrize("name", ["my project", "Ünïcode ελληνικά 项目", "it's (mine) & $x", "-dash"])
def test_a_folder_may_have_any_name(copier, tmp_path, name):
    copier(*COPY, f"./{name}")
    assert project_files(tmp_path / name)


def test_an_existing_empty_folder_may_be_used(copier, tmp_path):
    (tmp_path / "myproj").mkdir()
    copier(*COPY, ".", cwd=tmp_path / "myproj")
    assert (tmp_path / "myproj" / "pyproject.toml").exists()


def test_lines_end_with_lf_even_where_git_makes_crlf(copier, tmp_path):
    """`run` sets core.autocrlf, as Git for Windows does."""
    copier(*COPY, "myproj")
    files = [path for path in (tmp_path / "myproj").rglob("*") if path.is_file() and path.suffix != ".png"]
    assert not [path for path in files if b"\r" in path.read_bytes()]


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.yml")), ids=lambda path: path.stem)
def test_an_example_answers_questions_that_exist(copier, tmp_path, example):
    copier("copy", "--defaults", "--data-file", str(example), SOURCE, "myproj")
    assert yaml.safe_load(example.read_text("utf-8")).items() <= answers_of(tmp_path / "myproj").items()


@pytest.mark.slow
def test_the_oldest_copier_that_is_allowed_gives_the_same_project(copier, run, tmp_path):
    copier(*COPY, "new")
    oldest = f"copier=={CONFIG['_min_copier_version']}"
    run("uv", "run", "--no-project", "--isolated", "--with", oldest, "copier", *COPY, "old")
    files = project_files(tmp_path / "new")
    assert project_files(tmp_path / "old") == files
    assert not [
        name for name in files if (tmp_path / "old" / name).read_bytes() != (tmp_path / "new" / name).read_bytes()
    ]


@pytest.mark.slow
def test_an_older_copier_is_told_to_upgrade(run):
    major, minor, _ = CONFIG["_min_copier_version"].split(".")
    older = f"copier<{major}.{minor}"
    done = run("uv", "run", "--no-project", "--isolated", "--with", older, "copier", *COPY, "old", check=False)
    assert done.returncode != 0
    assert CONFIG["_min_copier_version"] in done.stdout
