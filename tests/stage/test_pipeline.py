"""The pipeline under DVC: nothing runs twice, and a change reruns what depends on it and nothing else."""

import shutil

import pytest

from .project import Project

pytestmark = [pytest.mark.slow, pytest.mark.stages(layer="unmonitored")]

ALL = {"data", "prepare", "train", "evaluate", "promote"}


def stages_behind(project: Project, first: str) -> set[str]:
    """Names of the pipeline stages that depend on one, directly or not, and of the stage itself."""
    stages = project.read_yaml("dvc.yaml")["stages"]
    outputs = {
        name: {
            next(iter(out)) if isinstance(out, dict) else out
            for kind in ("outs", "metrics", "plots")
            for out in stage.get(kind, [])
        }
        for name, stage in stages.items()
    }
    found = {first}
    while (
        more := {name for name, stage in stages.items() for each in found if outputs[each] & set(stage["deps"])} - found
    ):
        found |= more
    return found


def stages_run(printed: str) -> set[str]:
    """Names of the stages whose commands were run, from what `dvc repro` printed."""
    return {line.split("'")[1] for line in printed.splitlines() if line.startswith("Running stage")}


def test_a_second_run_does_nothing(owned: Project) -> None:
    before = (owned.path / "dvc.lock").read_bytes()
    assert owned.stale_stages() == set()
    assert stages_run(owned.train().stdout) == set()
    assert (owned.path / "dvc.lock").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "stale"),
    [
        ({"promotion.minimum_improvement": 0.5}, {"promote"}),
        ({"evaluate.importance_repeats": 4}, {"evaluate"}),
        ({"train.seed": 1}, {"train"}),
        ({"split.seed": 1}, {"prepare"}),
        ({"data.rows": "index > 9"}, {"prepare"}),
        ({"data.sha256": "0" * 64}, {"data"}),
    ],
)
def test_a_changed_parameter_makes_only_its_stage_stale(
    owned: Project, changes: dict[str, object], stale: set[str]
) -> None:
    owned.change_params(changes)
    assert owned.stale_stages() == stale


@pytest.mark.parametrize("module", sorted(ALL))
def test_a_changed_module_makes_its_stage_stale(owned: Project, module: str) -> None:
    with (owned.source / f"{module}.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert module in owned.stale_stages()


@pytest.mark.stages("tabular_regression")
def test_changes_run_what_depends_on_them(quick: Project) -> None:
    quick.train()
    quick.change_params({"train.seed": 1})
    assert stages_run(quick.train().stdout) == stages_behind(quick, "train") >= {"train", "evaluate", "promote"}
    quick.change_params({"evaluate.bootstrap_samples": 120})
    assert stages_run(quick.train().stdout) == {"evaluate", "promote"}
    quick.change_params({"promotion.minimum_improvement": 0.5})
    assert stages_run(quick.train().stdout) == {"promote"}
    quick.change_params({"split.seed": 1})
    assert stages_run(quick.train().stdout) == stages_behind(quick, "prepare") >= ALL - {"data"}
    assert stages_run(quick.train().stdout) == set()


@pytest.mark.stages("tabular_regression")
def test_a_home_folder_that_cannot_be_written_stops_nothing(quick: Project, verb: str) -> None:
    """Below /proc even root makes no file."""
    nowhere = "/proc/nobody"
    printed = quick.train(HOME=nowhere).stdout
    assert stages_run(printed) >= {"train", "evaluate", "promote"}
    with quick.serve(HOME=nowhere) as service, service.client() as client:
        assert client.post(verb, json=quick.example()).status_code == 200


@pytest.mark.stages("tabular_regression")
def test_without_a_git_repository_the_pipeline_says_so_and_the_service_answers(owned: Project, verb: str) -> None:
    shutil.rmtree(owned.path / ".git")
    done = owned.train(check=False)
    assert done.returncode != 0
    assert "is not a git repository" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    with owned.serve() as service, service.client() as client:
        assert client.post(verb, json=owned.example()).status_code == 200


def test_lost_outputs_come_back_from_the_cache(owned: Project) -> None:
    for part in (owned.path / "data" / "prepared").rglob("*.parquet"):
        part.unlink()
    printed = owned.run("dvc", "checkout", "data/prepared").stdout
    assert (owned.path / "data" / "prepared" / "test.parquet").is_file(), printed
    assert stages_run(owned.train().stdout) == set()


def test_data_travels_through_the_remote(owned: Project) -> None:
    """Another computer with the git repository and the remote has the data without any source of it."""
    owned.run("dvc", "push")
    raw = owned.read_yaml("params.yaml")["data"]["path"]
    content = (owned.path / raw).read_bytes()
    owned.run("python", "-c", "import shutil; shutil.rmtree('.dvc/cache')")
    (owned.path / raw).unlink()
    owned.run("dvc", "pull", raw)
    assert (owned.path / raw).read_bytes() == content
