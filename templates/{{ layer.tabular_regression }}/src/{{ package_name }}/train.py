"""Pipeline stage `train`: baselines, a small search, the final model, its interval and its ONNX export.

Reads data/prepared/, schema.yaml and params.yaml (`train`); writes models/candidate/ and reports/search.json, and
opens a run in MLflow. Run by `dvc repro`, which is what `uv run poe train` does.
"""

import json
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import KFold, cross_val_score

from . import tracking
from .bundle import example_row, log_model, save, served_columns
from .config import CANDIDATE, PREPARED, REPORTS
from .contract import Contract
from .data import load_contract
from .export import export_onnx
from .features import table_for_pipeline
from .interval import Interval, calibrate
from .model import boosting, dummy_baseline, linear_baseline, on_scale
from .model_folder import fingerprint
from .params import TrainSection, load_params
from .pipelines import encodings_of, limit_threads
from .predict import Card, Predictor
from .search import best_of, drawn_settings

Scale = Literal["log", "linear"]


def cross_validated_rmse(model: RegressorMixin, table: pd.DataFrame, target: pd.Series, folds: int, seed: int) -> float:
    """Return the mean RMSE over the folds, in the target's unit."""
    splitter = KFold(folds, shuffle=True, random_state=seed)
    scores = cross_val_score(model, table, target, cv=splitter, scoring="neg_root_mean_squared_error")
    return float(-scores.mean())


def scales_to_try(params: TrainSection, target: pd.Series) -> list[Scale]:
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
    table: pd.DataFrame, target: pd.Series, contract: Contract, params: TrainSection, mlflow: Any
) -> tuple[TransformedTargetRegressor, dict[str, Any]]:
    """Compare settings and target scales by cross-validation.

    Every drawn setting is tried on every scale, so that the scales are compared like with like.

    Returns:
        The best model, not fitted yet, and the table of all trials.
    """

    def model_of(trial: dict[str, Any]) -> TransformedTargetRegressor:
        shape = len(contract.numeric()), len(contract.categorical())
        return on_scale(boosting(*shape, trial["settings"], params.seed), trial["scale"])

    def score(trial: dict[str, Any]) -> float:
        return cross_validated_rmse(model_of(trial), table, target, params.search.folds, params.seed)

    scales = scales_to_try(params, target)
    drawn = drawn_settings(params.search, params.seed)
    trials = [{"scale": scale, "settings": settings} for settings in drawn for scale in scales]
    results = best_of(trials, score, "rmse", mlflow)
    return model_of(results["best"]), results


def baselines(
    table: pd.DataFrame, target: pd.Series, contract: Contract, params: TrainSection
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


def middle_row(test: pd.DataFrame, contract: Contract) -> dict[str, Any]:
    """Return the test row whose target is the median one: it serves as the example in the docs and the demo."""
    distance = (test[contract.target] - test[contract.target].median()).abs()
    return example_row(test.iloc[int(distance.to_numpy().argmin())], contract.columns)


def main() -> None:
    """Train on the training part, calibrate on the calibration part, save, and record the run."""
    all_params = load_params()
    params = all_params.train
    contract = load_contract()
    train = pd.read_parquet(PREPARED / "train.parquet")
    calibration = pd.read_parquet(PREPARED / "calibration.parquet")
    test = pd.read_parquet(PREPARED / "test.parquet")
    table, target = table_for_pipeline(train, contract.columns), train[contract.target]

    with tracking.run() as mlflow, limit_threads(len(train)):
        run_id = mlflow.active_run().info.run_id
        mlflow.set_tags({"data_md5": tracking.data_hash(all_params.data.path), "git_commit": tracking.git_commit()})
        mlflow.log_params(params.model_dump(exclude={"search": {"space"}}))
        print(f"Search on {len(train)} rows, {params.search.folds} folds")
        model, trials = search(table, target, contract, params, mlflow)
        best = trials["best"]
        mlflow.log_params({f"best_{name}": value for name, value in best["settings"].items()})
        mlflow.log_param("best_scale", best["scale"])
        model.fit(table, target)
        reference = baselines(table, target, contract, params)

        encodings = encodings_of(model.regressor_, list(table.columns))
        graph = export_onnx(model, len(table.columns))
        card = Card(
            name=tracking.PROJECT,
            target=contract.target,
            columns=served_columns(train, contract.columns),
            encodings=encodings,
            interval=Interval(level=params.interval_level, scale="linear", half_width=0),
            example=middle_row(test, contract),
            origin=tracking.origin(run_id, log_model(mlflow, model, table), all_params.data.path),
        )
        card.version = fingerprint(graph, card)
        # The interval is calibrated around what the service will answer: the ONNX graph's predictions.
        predictor = Predictor.open(graph, card)
        predictions = predictor.value(predictor.features.from_frame(calibration))
        truth = calibration[contract.target].to_numpy(dtype=np.float64)
        card.interval = calibrate(truth, predictions, params.interval_level)
        save(CANDIDATE, card, graph, {"model": model, **reference})
        REPORTS.mkdir(exist_ok=True)
        (REPORTS / "search.json").write_text(json.dumps(trials, indent=2) + "\n", encoding="utf-8")
    print(f"Model {card.version}, learned on the {best['scale']} scale, is in {CANDIDATE}")


if __name__ == "__main__":
    main()
