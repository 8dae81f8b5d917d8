"""Pipeline stage `train`: baselines, a small search, the final model, its interval and its ONNX export.

Reads data/prepared/, schema.yaml and params.yaml (`train`); writes models/candidate/ and reports/search.json, and
opens a run in MLflow. Run by `dvc repro`, which is what `uv run poe train` does.
"""

import hashlib
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import skops.io
from sklearn.base import RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import KFold, ParameterSampler, cross_val_score

from . import tracking
from .contract import Contract, ServedColumn
from .data import load_contract
from .export import export_onnx
from .features import arrays_from_frame, table_for_pipeline
from .interval import Interval, calibrate
from .model import boosting, dummy_baseline, limit_threads, linear_baseline, on_scale
from .params import CANDIDATE, PREPARED, REPORTS, TrainParams, load_params
from .predict import Card, Predictor

# Types inside the saved pipeline that skops does not know by itself. Loading trusts these and no others.
TRUSTED_TYPES = [
    "numpy.dtype",
    # Its node indices are not checked when trees are walked: load only files that you or your CI made.
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
]

Scale = Literal["log", "linear"]


def cross_validated_rmse(model: RegressorMixin, table: pd.DataFrame, target: pd.Series, folds: int, seed: int) -> float:
    """Return the mean RMSE over the folds, in the target's unit."""
    splitter = KFold(folds, shuffle=True, random_state=seed)
    scores = cross_val_score(model, table, target, cv=splitter, scoring="neg_root_mean_squared_error")
    return float(-scores.mean())


def scales_to_try(params: TrainParams, target: pd.Series) -> list[Scale]:
    """Return the target scales that the search shall compare.

    Raises:
        SystemExit: If the log scale is demanded for a target that is not positive.
    """
    if params.target_scale == "linear":
        return ["linear"]
    if (target > 0).all():
        return ["log"] if params.target_scale == "log" else ["log", "linear"]
    if params.target_scale == "log":
        raise SystemExit("error: params.yaml: 'train.target_scale': log needs a target above zero")
    return ["linear"]


def search(
    table: pd.DataFrame, target: pd.Series, contract: Contract, params: TrainParams, mlflow: Any
) -> tuple[TransformedTargetRegressor, dict[str, Any]]:
    """Compare settings and target scales by cross-validation.

    Every drawn setting is tried on every scale, so that the scales are compared like with like.

    Returns:
        The best model, not fitted yet, and the table of all trials.
    """
    shape = len(contract.numeric()), len(contract.categorical())
    trials: list[dict[str, Any]] = []
    drawn = ParameterSampler(params.search.space, params.search.candidates, random_state=params.seed)
    pairs = [(settings, scale) for settings in drawn for scale in scales_to_try(params, target)]
    for number, (settings, scale) in enumerate(pairs, start=1):
        started = time.perf_counter()
        model = on_scale(boosting(*shape, settings, params.seed), scale)
        rmse = cross_validated_rmse(model, table, target, params.search.folds, params.seed)
        trials.append({"rmse": rmse, "scale": scale, "settings": settings})
        mlflow.log_metric("search_rmse", rmse, step=number)
        seconds = time.perf_counter() - started
        print(f"  {number:>2}/{len(pairs)}  RMSE {rmse:>12,.6g}  {scale:<6}  {seconds:.1f} s", flush=True)
    best = min(trials, key=lambda trial: trial["rmse"])
    return on_scale(boosting(*shape, best["settings"], params.seed), best["scale"]), {
        "best": best,
        "trials": trials,
    }


def baselines(
    table: pd.DataFrame, target: pd.Series, contract: Contract, params: TrainParams
) -> dict[str, RegressorMixin]:
    """Fit what the model must beat: the median, and ridge regression on the scale that suits it better."""
    shape = len(contract.numeric()), len(contract.categorical())
    linear = {scale: on_scale(linear_baseline(*shape), scale) for scale in scales_to_try(params, target)}
    rmse = {
        scale: cross_validated_rmse(model, table, target, params.search.folds, params.seed)
        for scale, model in linear.items()
    }
    best_scale = min(rmse, key=rmse.__getitem__)
    models = {"median": dummy_baseline(), "linear": linear[best_scale]}
    return {name: model.fit(table, target) for name, model in models.items()}


def served_columns(train: pd.DataFrame, contract: Contract) -> list[ServedColumn]:
    """Add to the contract what training saw of each column."""
    columns = []
    for column in contract.columns:
        values = train[column.name].dropna()
        known = ServedColumn(**column.model_dump())
        if column.kind == "number" and len(values):
            known.low, known.high = float(values.min()), float(values.max())
            # An observed value, so that counts stay whole numbers.
            known.typical = float(values.quantile(0.5, interpolation="nearest"))
        elif column.kind == "category":
            known.categories = sorted(values.astype(str).unique())
            commonest = train[column.name].mode(dropna=False).iloc[0]
            known.typical = None if pd.isna(commonest) else str(commonest)
        columns.append(known)
    return columns


def fingerprint(graph: bytes) -> str:
    """Return the version of a model: the beginning of its SHA-256."""
    return hashlib.sha256(graph).hexdigest()[:12]


def save(folder: Path, card: Card, graph: bytes, models: dict[str, Any]) -> None:
    """Write a model folder: the ONNX graph and its card for the service, the scikit-learn models for evaluation."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / card.graph_file).write_bytes(graph)
    (folder / "model.json").write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    for name, model in models.items():
        skops.io.dump(model, folder / f"{name}.skops")


def main() -> None:
    """Train on the training part, calibrate on the calibration part, save, and record the run."""
    all_params = load_params()
    params = all_params.train
    contract = load_contract()
    train = pd.read_parquet(PREPARED / "train.parquet")
    calibration = pd.read_parquet(PREPARED / "calibration.parquet")
    test = pd.read_parquet(PREPARED / "test.parquet")
    table, target = table_for_pipeline(train, contract.columns), train[contract.target]
    data_version = tracking.data_hash(all_params.data.path)

    with tracking.run() as mlflow, limit_threads(len(train)):
        run_id = mlflow.active_run().info.run_id
        mlflow.set_tags({"data_md5": data_version, "git_commit": tracking.git_commit()})
        mlflow.log_params(params.model_dump(exclude={"search": {"space"}}))
        print(f"Search on {len(train)} rows, {params.search.folds} folds")
        model, trials = search(table, target, contract, params, mlflow)
        best = trials["best"]
        mlflow.log_params({f"best_{name}": value for name, value in best["settings"].items()})
        mlflow.log_param("best_scale", best["scale"])
        model.fit(table, target)
        reference = baselines(table, target, contract, params)

        graph = export_onnx(model, len(contract.numeric()), len(contract.categorical()))
        card = Card(
            name=tracking.PROJECT,
            version=fingerprint(graph),
            target=contract.target,
            columns=served_columns(train, contract),
            interval=Interval(level=params.interval_level, scale="linear", half_width=0),
            example=example_row(test, contract),
            origin={
                "run_id": run_id,
                "logged_as": log_model(mlflow, model, table),
                "git_commit": tracking.git_commit(),
                "data_md5": data_version,
                "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )
        # The interval is calibrated around what the service will answer: the ONNX graph's predictions.
        predictor = Predictor(graph, card)
        predictions = predictor.run(*arrays_from_frame(calibration, contract.columns))
        truth = calibration[contract.target].to_numpy(dtype=np.float64)
        card.interval = calibrate(truth, predictions, params.interval_level)
        save(CANDIDATE, card, graph, {"model": model, **reference})
        REPORTS.mkdir(exist_ok=True)
        (REPORTS / "search.json").write_text(json.dumps(trials, indent=2) + "\n", encoding="utf-8")
    print(f"Model {card.version}, learned on the {best['scale']} scale, is in {CANDIDATE}")


def example_row(test: pd.DataFrame, contract: Contract) -> dict[str, float | str | None]:
    """Return the test row whose target is the median one: it serves as the example in the docs and the demo."""
    middle = int((test[contract.target] - test[contract.target].median()).abs().to_numpy().argmin())
    row = test[[column.name for column in contract.columns]].iloc[middle].to_dict()
    return {
        str(name): None if pd.isna(value) else value if isinstance(value, str) else float(value)
        for name, value in row.items()
    }


def log_model(mlflow: Any, model: TransformedTargetRegressor, table: pd.DataFrame) -> str:
    """Store the scikit-learn pipeline in the run, with its signature, in skops' format; returns its address."""
    # Requirements are named here because finding them out takes MLflow several seconds.
    packages = ["scikit-learn", "skops", "pandas", "numpy"]
    logged = mlflow.sklearn.log_model(
        model,
        name="model",
        signature=mlflow.models.infer_signature(table, model.predict(table[:5])),
        input_example=table[:2],
        pip_requirements=tracking.pinned(packages),
        serialization_format="skops",
        skops_trusted_types=TRUSTED_TYPES,
    )
    return str(logged.model_uri)


if __name__ == "__main__":
    main()
