"""The promotion policy: the model in service and the registry's alias move together, and only for a better model.

Both table stages without monitoring have the same policy; it is tried in one of them.
"""

import sqlite3
from typing import Any

import pytest

from .project import Project

pytestmark = [pytest.mark.slow, pytest.mark.stages("tabular_regression")]


# Settings of a model that beats the baselines narrowly, and of one that beats it by more than the margin.
WEAK, STRONG = {"max_iter": [15]}, {"max_iter": [60]}
MARGIN = 0.01


def champion_version(project: Project) -> str:
    """Version of the model in service."""
    return str(project.read_json("models/champion/model.json")["version"])


def aliased_run(project: Project) -> Any:
    """Run of the registered version that carries the alias `champion`."""
    connection = sqlite3.connect(project.path / "mlflow.db")
    query = """
        SELECT run_id FROM model_versions JOIN registered_model_aliases USING (name, version) WHERE alias = 'champion'
    """
    found = connection.execute(query).fetchall()
    connection.close()
    return found[0][0] if found else None


def registered_versions(project: Project) -> int:
    """How many versions the registry holds."""
    connection = sqlite3.connect(project.path / "mlflow.db")
    (count,) = connection.execute("SELECT count(*) FROM model_versions").fetchone()
    connection.close()
    return int(count)


def test_a_worse_candidate_changes_nothing_in_service(quick: Project) -> None:
    before, alias = champion_version(quick), aliased_run(quick)
    files = {path.name: path.read_bytes() for path in quick.champion.iterdir()}
    quick.train()
    decision = quick.read_json("reports/promotion.json")
    assert decision["promoted"] is False
    assert decision["candidate"] != before
    assert (champion_version(quick), aliased_run(quick)) == (before, alias)
    assert {path.name: path.read_bytes() for path in quick.champion.iterdir()} == files
    # It is on record all the same.
    assert registered_versions(quick) == 2


def test_a_better_candidate_takes_over_and_margins_count(quick: Project) -> None:
    """From a weak champion to a strong candidate, first with a margin that it cannot reach."""
    quick.run("python", "-c", "import shutil; shutil.rmtree('models/champion')")
    quick.change_params({"train.search.space": WEAK})
    quick.train()
    weak = champion_version(quick)
    assert aliased_run(quick) == quick.read_json("models/champion/model.json")["origin"]["run_id"]
    quick.change_params({"train.search.space": STRONG, "promotion.minimum_improvement": 0.9})
    quick.train()
    assert quick.read_json("reports/promotion.json")["promoted"] is False
    assert champion_version(quick) == weak
    quick.change_params({"promotion.minimum_improvement": MARGIN})
    quick.train()
    decision = quick.read_json("reports/promotion.json")
    assert decision["promoted"] is True
    assert champion_version(quick) == decision["candidate"] != weak
    assert aliased_run(quick) == quick.read_json("models/champion/model.json")["origin"]["run_id"]
    # The old graph is gone and the new one serves.
    assert len(list(quick.champion.glob("*.onnx"))) == 1
    with quick.serve() as service, service.client() as client:
        assert client.get("/model").json()["version"] == decision["candidate"]


def test_a_candidate_that_does_not_beat_the_baselines_never_serves(quick: Project) -> None:
    """Even where there is no champion at all: no model is better than a bad one."""
    quick.run("python", "-c", "import shutil; shutil.rmtree('models/champion')")
    quick.change_params({"train.search.space": {"max_iter": [1], "learning_rate": [0.001]}})
    quick.train()
    assert quick.read_json("reports/promotion.json")["promoted"] is False
    assert not (quick.champion / "model.json").exists()
    with quick.serve() as service, service.client() as client:
        assert client.get("/ready").status_code == 503
        assert client.get("/health").status_code == 200


def test_a_lost_tracking_database_stops_nothing(quick: Project) -> None:
    (quick.path / "mlflow.db").unlink()
    quick.train()
    assert quick.stale_stages() == set()
    assert champion_version(quick)
