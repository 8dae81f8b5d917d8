"""The result is real: figures are computed here again, from the model files and the test rows alone."""

import json
import math
from typing import Any

import pytest

from .project import Project

pytestmark = [pytest.mark.slow, pytest.mark.stages("tabular_regression")]

# Loads the graph by hand, and asks scikit-learn and the package's own predictor the same question.
RECOMPUTE = """
import json
from pathlib import Path
import numpy as np, onnxruntime, pandas as pd, skops.io
from {package}.bundle import TRUSTED_TYPES
from {package}.features import table_for_pipeline
from {package}.predict import Predictor

parts = {{name: pd.read_parquet(f"data/prepared/{{name}}.parquet") for name in ("train", "calibration", "test")}}
predictor = Predictor.load(Path("models/champion"))
card, test = predictor.card, parts["test"]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1  # several threads sum the trees in another order, which shows in the seventh digit
session = onnxruntime.InferenceSession(next(Path("models/champion").glob("*.onnx")), options)
graph = session.run(None, {{"features": predictor.features.from_frame(test)}})[0][:, 0].astype(float)
native = skops.io.load("models/candidate/model.skops", trusted=TRUSTED_TYPES)
native = native.predict(table_for_pipeline(test, card.columns))

# Rows as the service gets them: JSON, then plain values.
names = [column.name for column in card.columns]
rows = json.loads(test[names].to_json(orient="records", double_precision=15))
answers = predictor.predict(rows)

truth = test[card.target].to_numpy(float)
keys = [set(pd.util.hash_pandas_object(part, index=False)) for part in parts.values()]
print(json.dumps({{
    "rows": {{name: len(part) for name, part in parts.items()}},
    "shared_rows": len(keys[0] & keys[1]) + len(keys[0] & keys[2]) + len(keys[1] & keys[2]),
    "rmse": float(np.sqrt(np.mean((truth - graph) ** 2))),
    "mae": float(np.mean(np.abs(truth - graph))),
    "r2": float(1 - np.sum((truth - graph) ** 2) / np.sum((truth - truth.mean()) ** 2)),
    "median_rmse": float(np.sqrt(np.mean((truth - np.median(parts["train"][card.target])) ** 2))),
    "inside": sum(bool(a["lower"] <= t <= a["upper"]) for a, t in zip(answers, truth)),
    "export_difference": float(np.max(np.abs(native - graph) / np.abs(native))),
    "row_difference": float(np.max(np.abs(graph - [answer["prediction"] for answer in answers]))),
}}))
"""


@pytest.fixture(scope="module")
def again(trained: Project) -> Any:
    """The figures, computed again."""
    return trained.python(RECOMPUTE.format(package=trained.package))


def test_reported_figures_are_true(again: Any, report: Any) -> None:
    assert report["rows"] == again["rows"]["test"]
    for name in ("rmse", "mae", "r2"):
        assert report["model"][name]["value"] == pytest.approx(again[name], rel=1e-9)
        assert report["model"][name]["low"] < again[name] < report["model"][name]["high"]
    assert report["baselines"]["median"]["rmse"]["value"] == pytest.approx(again["median_rmse"], rel=1e-9)


def test_the_model_beats_both_baselines(report: Any) -> None:
    for baseline in report["baselines"].values():
        assert report["model"]["rmse"]["value"] < baseline["rmse"]["value"]
        assert report["model"]["mae"]["value"] < baseline["mae"]["value"]


def test_no_row_is_in_two_parts(again: Any, trained: Project) -> None:
    assert again["shared_rows"] == 0
    assert sum(again["rows"].values()) == trained.read_json("reports/data_quality.json")["rows"]


def test_the_interval_covers_what_it_promises(again: Any, report: Any) -> None:
    """Coverage on rows that neither training nor calibration saw, against the error that chance allows.

    Given the calibration rows, the coverage of a split conformal interval follows Beta(k, m + 1 - k) with m calibration
    rows and k = ceil((m + 1) * level) (Vovk 2012), of variance c (1 - c) / (m + 2) at mean c = k / (m + 1). On n test
    rows the share inside then varies by c (1 - c) (1 / n + 1 / (m + 2)) in all. Four standard deviations are allowed:
    chance alone goes further once in 16,000 data sets, a broken calibration nearly always.
    """
    level = report["interval"]["level"]
    n, m = again["rows"]["test"], again["rows"]["calibration"]
    expected = math.ceil((m + 1) * level) / (m + 1)
    deviation = math.sqrt(expected * (1 - expected) * (1 / n + 1 / (m + 2)))
    assert report["interval"]["coverage"] == pytest.approx(again["inside"] / n, abs=1e-9)
    assert abs(again["inside"] / n - expected) <= 4 * deviation


def test_the_export_equals_the_trained_model_on_every_test_row(again: Any, report: Any) -> None:
    assert report["export"]["tolerance"] <= 1e-4
    assert again["export_difference"] <= report["export"]["tolerance"]
    assert report["export"]["largest_relative_difference"] == pytest.approx(again["export_difference"], rel=1e-6)


def test_rows_of_a_request_give_what_the_table_gives(again: Any) -> None:
    assert again["row_difference"] == 0


def test_an_export_that_differs_stops_the_evaluation(owned: Project) -> None:
    code = f"""
import json, numpy as np
from {owned.package}.evaluate import check_export
check_export(np.array([100.0, 200.0]), np.array([100.0, 200.1]))
"""
    done = owned.run("python", "-c", code, check=False)
    assert done.returncode != 0
    assert done.stderr.startswith("error: ")


@pytest.mark.stages(layer="unmonitored")
def test_the_same_data_and_parameters_give_the_same_model(quick: Project) -> None:
    """To the last byte of the graph, whatever order the interpreter gives to sets."""
    quick.run("dvc", "repro", "prepare")
    versions = set()
    for hash_seed in ("0", "1", "2", "3"):
        quick.run("dvc", "repro", "--force", "--single-item", "train", PYTHONHASHSEED=hash_seed)
        versions.add(quick.read_json("models/candidate/model.json")["version"])
    assert len(versions) == 1


@pytest.mark.stages(layer="tabular")
def test_the_command_line_predicts_what_the_service_predicts(owned: Project) -> None:
    row = owned.example()["rows"][0]
    (owned.path / "row.json").write_text(json.dumps(row), encoding="utf-8")
    printed = json.loads(owned.run("python", "-m", f"{owned.package}.predict", "row.json").stdout)
    with owned.serve() as service, service.client() as client:
        assert client.post("/predict", json={"rows": [row]}).json()["predictions"] == printed
