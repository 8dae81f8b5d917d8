"""Training that is killed half-way: the model in service goes on, and the same command then succeeds."""

import os
import signal
import time

import pytest

from .project import Project

pytestmark = [pytest.mark.slow, pytest.mark.stages("tabular_regression")]


FOUR_TRIALS = {"train.search.candidates": 4, "train.search.space": {"max_iter": [10, 20, 30, 40]}}


def kill_when(project: Project, sign: str) -> None:
    """Train, and kill every process of it as soon as a line with `sign` appears."""
    log = project.path / "train.log"
    with log.open("w", encoding="utf-8") as output:
        process = project.start("dvc", "repro", stdout=output, stderr=output)
        try:
            while sign not in log.read_text(encoding="utf-8"):
                assert process.poll() is None, log.read_text(encoding="utf-8")
                time.sleep(0.01)  # a core that only looks would slow down what it waits for
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


# One after the other: each run finds what the one before it left half-done.
MOMENTS = [
    "  3/4 ",  # in the search
    "4/4 ",  # before the model is written
    "is in models/candidate",  # after the model is written
    "> python -m {package}.evaluate",  # at the start of the evaluation
    "> python -m {package}.promote",  # at the start of the promotion
]


def test_training_that_was_killed_can_be_repeated(quick: Project) -> None:
    quick.change_params(FOUR_TRIALS)
    with quick.serve() as service, service.client() as client:
        before = client.post("/predict", json=quick.example()).json()
        for moment in MOMENTS:
            kill_when(quick, moment.format(package=quick.package))
            assert client.post("/predict", json=quick.example()).json() == before, moment
            with quick.serve() as restarted, restarted.client() as another:
                assert another.post("/predict", json=quick.example()).json() == before, moment
    quick.train()
    assert quick.stale_stages() == set()
    assert (
        quick.read_json("reports/promotion.json")["candidate"]
        == quick.read_json("models/candidate/model.json")["version"]
    )


def test_a_first_training_that_was_killed_leaves_no_model_in_service(quick: Project) -> None:
    quick.run("python", "-c", "import shutil; [shutil.rmtree(name) for name in ('models', 'reports', 'data/prepared')]")
    quick.change_params(FOUR_TRIALS)
    kill_when(quick, "  3/4 ")
    with quick.serve() as service, service.client() as client:
        assert client.get("/ready").status_code == 503
    quick.train()
    with quick.serve() as service, service.client() as client:
        assert client.get("/ready").status_code == 200
