"""The result on the flights is real and honest: figures are computed again, and no row knows what it cannot know."""

import json
from typing import Any

import pytest

from .project import Project

pytestmark = [pytest.mark.slow, pytest.mark.stages("feature_classification")]

# Loads the graph by hand, calibrates by the two numbers in the card, and asks scikit-learn and the predictor the same.
RECOMPUTE = """
import json
from pathlib import Path
import numpy as np, onnxruntime, pandas as pd, skops.io
from scipy.stats import rankdata
from {package}.bundle import TRUSTED_TYPES
from {package}.model import scores_of
from {package}.predict import Predictor

train, test = (pd.read_parquet(f"data/prepared/{{part}}.parquet") for part in ("train", "test"))
card = json.loads(Path("models/champion/model.json").read_text(encoding="utf-8"))
predictor = Predictor.load(Path("models/champion"))
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1  # several threads sum the trees in another order, which shows in the seventh digit
session = onnxruntime.InferenceSession(next(Path("models/champion").glob("*.onnx")), options)
matrix = predictor.features.from_frame(test)
score = session.run(None, {{"features": matrix}})[0][:, 1].astype(float)
(slope,), (intercept,) = card["calibration"]["slopes"], card["calibration"]["intercepts"]
chance = 1 / (1 + np.exp(-(slope * score + intercept)))
late = (test["late"] == "yes").to_numpy()
ranks = rankdata(chance)
native = scores_of(skops.io.load("models/candidate/model.skops", trusted=TRUSTED_TYPES), predictor.features.table(test))
native = predictor.card.calibration.probabilities(native)[:, 1]

# Rows as the service gets them: JSON, then plain values.
some = test.sample(3000, random_state=0)
names = [column.name for column in predictor.card.columns]
rows = json.loads(some[names].to_json(orient="records", double_precision=15, date_format="iso", date_unit="s"))
answers = predictor.predict(rows, reasons=0)
decided = chance >= predictor.card.policy.threshold
spoilt = test.assign(**{{name: 1e6 for name in ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "late")}})
print(json.dumps({{
    "rows": {{"train": len(train), "test": len(test)}},
    "last_training_day": str(train["sched_dep"].max().date()),
    "first_test_day": str(test["sched_dep"].min().date()),
    "roc_auc": float((ranks[late].sum() - late.sum() * (late.sum() + 1) / 2) / (late.sum() * (~late).sum())),
    "brier": float(np.mean((chance - late) ** 2)),
    "log_loss": float(-np.mean(np.log(np.where(late, chance, 1 - chance)))),
    "recall": float(decided[late].mean()),
    "cost": float((3 * (late & ~decided) + (~late & decided)).mean()),
    "prior_brier": float(np.mean((np.mean(train["late"] == "yes") - late) ** 2)),
    "export_difference": float(np.max(np.abs(native - chance))),
    "row_difference": float(np.max(np.abs(chance[some.index] - [a["probabilities"]["yes"] for a in answers]))),
    "same_matrix": bool(np.array_equal(predictor.features.from_rows(rows), matrix[some.index], equal_nan=True)),
    "leak_difference": float(np.nanmax(np.abs(predictor.features.from_frame(spoilt) - matrix))),
    "seen": predictor.card.plan.names(),
}}))
"""


@pytest.fixture(scope="module")
def again(trained: Project) -> Any:
    """The figures, computed again."""
    return trained.python(RECOMPUTE.format(package=trained.package))


@pytest.fixture(scope="module")
def ablation(trained: Project) -> Any:
    """What the project reports of feature groups and shortcuts."""
    return trained.read_json("reports/ablation.json")


def test_reported_figures_are_true(again: Any, report: Any) -> None:
    assert report["rows"] == again["rows"]["test"]
    for name in ("roc_auc", "brier", "log_loss", "recall", "cost"):
        result = report["model"][name]
        assert result["value"] == pytest.approx(again[name], rel=1e-9), name
        assert result["low"] < again[name] < result["high"], name
    assert report["baselines"]["prior"]["brier"]["value"] == pytest.approx(again["prior_brier"], rel=1e-9)


def test_every_labelled_flight_is_used(again: Any) -> None:
    assert sum(again["rows"].values()) == 327_346


def test_the_test_days_are_the_newest(again: Any, report: Any) -> None:
    assert report["split"] == "time"
    assert again["last_training_day"] < again["first_test_day"]


def test_the_model_beats_every_baseline_and_the_raw_join(report: Any) -> None:
    for other in [*report["baselines"].values(), report["plain_boosting"]]:
        assert report["model"]["log_loss"]["value"] < other["log_loss"]["value"]
        assert report["model"]["roc_auc"]["value"] >= other["roc_auc"]["value"]
        assert report["model"]["cost"]["value"] < other["cost"]["value"]
    decisions = report["decisions"]
    assert report["model"]["cost"]["value"] < min(decisions["cost_always"], decisions["cost_never"])


def test_the_threshold_is_the_one_of_the_costs_and_nearly_the_best(report: Any) -> None:
    decisions = report["decisions"]
    assert decisions["threshold"] == pytest.approx(1 / (1 + 3))
    assert report["model"]["cost"]["value"] < 1.02 * decisions["best_cost_in_hindsight"]


def test_probabilities_keep_their_word(report: Any) -> None:
    """On the average bin within the distance that the drift of the season alone makes up."""
    assert report["calibration_error"]["after"] < 0.04


def test_confusion_counts_every_row_with_an_interval(report: Any) -> None:
    cells = [cell for row in report["decisions"]["confusion"] for cell in row]
    assert sum(cell["value"] for cell in cells) == report["rows"]
    assert all(cell["low"] < cell["value"] < cell["high"] for cell in cells)


def test_no_leak_reaches_the_model(again: Any, trained: Project) -> None:
    leaks = set(trained.read_yaml("schema.yaml")["leaks"])
    assert leaks == {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}
    assert not leaks & set(again["seen"])
    assert again["leak_difference"] == 0


def test_rows_of_a_request_give_what_the_table_gives(again: Any) -> None:
    assert again["same_matrix"]
    assert again["row_difference"] < 1e-12  # the logistic curve is written in two ways


def test_the_export_equals_the_trained_model_on_every_test_row(again: Any, report: Any) -> None:
    assert report["export"]["tolerance"] <= 1e-5
    assert again["export_difference"] <= report["export"]["tolerance"]
    assert report["export"]["largest_difference"] == pytest.approx(again["export_difference"], rel=1e-3)


def test_shortcuts_are_reported_as_what_they_are(ablation: Any) -> None:
    """They look better and are not: that is the lesson of the stage, so the figures must show it."""
    honest, variants = ablation["full"]["roc_auc"], ablation["variants"]
    assert set(variants) == {"random_split", "with_leaks", "stale_past", "balanced"}
    assert variants["random_split"]["roc_auc"] > honest + 0.02
    assert variants["with_leaks"]["roc_auc"] > honest + 0.1
    assert variants["stale_past"]["roc_auc"] < honest
    assert variants["balanced"]["brier"] > ablation["full"]["brier"]


def test_each_feature_group_is_left_out_once(ablation: Any, again: Any) -> None:
    groups = {row["group"]: row for row in ablation["groups"]}
    assert set(groups) == {"table", "weather", "plane", "calendar", "route", "past"}
    assert sum(row["features"] for row in groups.values()) == len(again["seen"])
    for row in groups.values():
        lost = row["difference"]
        assert lost["low"] <= lost["value"] <= lost["high"]
        assert lost["value"] == pytest.approx(row["roc_auc"] - ablation["full"]["roc_auc"], abs=1e-12)
    assert groups["weather"]["difference"]["high"] < 0


def test_errors_are_reported_by_carrier_airport_and_month(trained: Project) -> None:
    lines = (trained.path / "reports" / "slices.csv").read_text(encoding="utf-8").splitlines()
    assert {line.split(",")[0] for line in lines[1:]} == {"carrier", "origin", "sched_dep"}
    assert any("2013-12" in line for line in lines)


def test_documents_show_ablation_and_shortcuts(trained: Project) -> None:
    readme, learn = ((trained.path / name).read_text(encoding="utf-8") for name in ("README.md", "LEARN.md"))
    honest = trained.read_json("reports/ablation.json")
    for group in honest["groups"]:
        assert f"`{group['group']}`" in readme
    assert f"{honest['variants']['with_leaks']['roc_auc']:.3g}" in learn
    for leak, reason in honest["leaks"].items():
        assert f"- `{leak}`: {reason}" in learn
    assert "Where it is weak" in readme
    assert "No results yet" not in readme + learn


def test_answers_hold_reasons_and_warnings(owned: Project) -> None:
    body = owned.example()
    row = body["rows"][0]
    odd = row | {"carrier": "ZZ", "dest": "NRT", "tailnum": "D-ABCD", "sched_dep": "2014-03-01T08:00:00"}
    with owned.serve() as service, service.client() as client:
        answer = client.post("/predict", json={"rows": [row, odd], "reasons": 5})
        assert answer.status_code == 200, answer.text
        usual, remarked = answer.json()["predictions"]
        for wrong in ({"reasons": -1}, {"reasons": 1000}, {"reasons": "all"}):
            assert client.post("/predict", json=body | wrong).status_code == 422
        for time in ("yesterday", "2013-13-01T00:00", "2013-05-01T00:00Z", 5, None):
            refused = client.post("/predict", json={"rows": [row | {"sched_dep": time}]})
            assert refused.status_code == 422, time
            assert refused.json()["detail"][0]["loc"][:4] == ["body", "rows", 0, "sched_dep"]
        assert "prediction_decisions_total" in client.get("/metrics").text
    assert answer.json()["threshold"] == 0.25
    assert answer.json()["positive"] == "yes"
    assert len(usual["reasons"]) == 5
    warned = " ".join(remarked["warnings"])
    for word in ("carrier", "dest", "tailnum", "outcomes are known up to"):
        assert word in warned
    assert 0 < remarked["probability"] < 1
    json.dumps(remarked)
