"""What MLflow knows after a run: parameters, metrics, plots, the model with its signature, and where it comes from."""

from typing import Any

import pytest

from .project import Project

pytestmark = [pytest.mark.slow, pytest.mark.stages(layer="unmonitored")]

# Prints the champion's run and registered version, and what the model predicts after loading it from MLflow.
READ_BACK = """
import json, sys
import mlflow, pandas as pd
from mlflow.tracking import MlflowClient
from {package}.predict import Predictor
from {package}.settings import Settings
from pathlib import Path

mlflow.set_tracking_uri(Settings().mlflow_tracking_uri)
client = MlflowClient()
version = client.get_model_version_by_alias("{package}", "champion")
run = client.get_run(version.run_id)
info = mlflow.models.get_model_info("models:/{package}@champion")
test = pd.read_parquet("data/prepared/test.parquet")
predictor = Predictor.load(Path("models/champion"))
loaded = mlflow.sklearn.load_model("models:/{package}@champion")
{outputs}
print(json.dumps({{
    "run_id": version.run_id,
    "version_tags": version.tags,
    "params": run.data.params,
    "metrics": run.data.metrics,
    "tags": run.data.tags,
    "status": run.info.status,
    "reports": [item.path for item in client.list_artifacts(version.run_id, "reports")],
    "signature": info.signature.to_dict() if info.signature else None,
    "flavor": info.flavors["sklearn"],
    "largest_difference": float(abs(loaded / served - 1).max()),
}}))
"""
# What the loaded pipeline and the graph in service say about the same rows, by stage: `loaded` and `served`.
OUTPUTS = {
    "tabular_regression": """
from {package}.features import table_for_pipeline
loaded = loaded.predict(table_for_pipeline(test, predictor.card.columns))
served = predictor.value(predictor.features.from_frame(test))
""",
    "feature_classification": """
from {package}.model import scores_of
loaded = predictor.card.calibration.probabilities(scores_of(loaded, predictor.features.table(test)))
served = predictor.outputs(predictor.features.from_frame(test))
""",
}


# The error that models are compared by.
DECISIVE = {"tabular_regression": "rmse", "feature_classification": "log_loss"}


@pytest.fixture(scope="module")
def champion(trained: Project, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The champion as MLflow tells it."""
    copy = trained.copy_to(tmp_path_factory.mktemp("tracking") / "project")
    outputs = OUTPUTS[trained.stage].format(package=trained.package)
    return copy.python(READ_BACK.format(package=trained.package, outputs=outputs))


def test_the_alias_points_to_the_model_in_service(champion: Any, trained: Project) -> None:
    card = trained.read_json("models/champion/model.json")
    assert champion["run_id"] == card["origin"]["run_id"]
    assert champion["version_tags"]["promoted"] == "True"
    assert champion["status"] == "FINISHED"


def test_parameters_are_those_of_the_file(champion: Any, trained: Project) -> None:
    params = trained.read_yaml("params.yaml")
    assert champion["params"]["seed"] == str(params["train"]["seed"])
    best = trained.read_json("reports/search.json")["best"]
    assert {f"best_{name}" for name in best["settings"]} <= set(champion["params"])
    if trained.stage == "tabular_regression":
        assert champion["params"]["interval_level"] == str(params["train"]["interval_level"])
        assert champion["params"]["best_scale"] == best["scale"]
    else:
        assert champion["params"]["class_weight"] == params["train"]["class_weight"]
        assert champion["params"]["missed"] == str(params["decision"]["missed"])


def test_metrics_are_those_of_the_report(champion: Any, trained: Project) -> None:
    report = trained.read_json("reports/metrics.json")
    expected = {f"test_{name}": result["value"] for name, result in report["model"].items()}
    error = DECISIVE[trained.stage]
    expected |= {f"baseline_{name}_{error}": result[error]["value"] for name, result in report["baselines"].items()}
    if trained.stage == "tabular_regression":
        expected["interval_coverage"] = report["interval"]["coverage"]
    else:
        expected["calibration_error"] = report["calibration_error"]["after"]
        variants = trained.read_json("reports/ablation.json")["variants"]
        expected |= {f"{name}_roc_auc": result["roc_auc"] for name, result in variants.items()}
    assert champion["metrics"].items() >= expected.items()
    assert f"search_{error}" in champion["metrics"]


def test_plots_and_tables_are_kept(champion: Any, trained: Project) -> None:
    written = {f"reports/{path.name}" for path in (trained.path / "reports").iterdir()} - {"reports/promotion.json"}
    assert set(champion["reports"]) >= written
    assert any(name.endswith(".png") for name in written)


def test_the_run_names_its_data_and_code(champion: Any, trained: Project) -> None:
    outs = trained.read_yaml("dvc.lock")["stages"]["data"]["outs"]
    raw = trained.read_yaml("params.yaml")["data"]["path"]
    assert [out["md5"] for out in outs if out["path"] == raw] == [champion["tags"]["data_md5"]]
    head = trained.run("git", "rev-parse", "HEAD").stdout.strip()
    commit = champion["tags"]["git_commit"].removesuffix("-dirty")
    assert len(commit) >= 12
    assert head.startswith(commit)


def test_the_model_is_signed_and_loads_back_without_pickle(champion: Any, trained: Project) -> None:
    card = trained.read_json("models/champion/model.json")
    for seen in card["plan"]["features"] if "plan" in card else card["columns"]:
        assert f'"{seen["name"]}"' in champion["signature"]["inputs"]
    assert champion["flavor"]["serialization_format"] == "skops"
    # The pipeline from the registry and the graph in service are the same model.
    assert champion["largest_difference"] < 1e-4


def test_no_file_is_a_pickle(trained: Project) -> None:
    suspects = {".pkl", ".pickle", ".joblib", ".pt", ".pth", ".cloudpickle"}
    for folder in ("models", "mlruns", "data", "reports"):
        for path in filter(lambda path: path.is_file(), (trained.path / folder).rglob("*")):
            assert path.suffix not in suspects, path
            # Every protocol from 2 on begins with this byte and the protocol's number.
            start = path.read_bytes()[:2]
            assert not (start[:1] == b"\x80" and start[1:] in {b"\x02", b"\x03", b"\x04", b"\x05"}), path
