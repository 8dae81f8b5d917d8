"""Pipeline stage `train`: a small search, the final model, its calibration and its ONNX export, and the baselines.

Reads data/prepared/, the side tables, schema.yaml and params.yaml; writes models/candidate/ and reports/search.json,
and opens a run in MLflow. Run by `dvc repro`, which is what `uv run poe train` does.
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline

from . import tracking
from .bundle import example_row, log_model, save, served_columns
from .calibration import calibrate
from .config import CANDIDATE, REPORTS
from .dataset import Dataset, load_dataset
from .decision import Codes
from .export import export_onnx
from .features import Plan
from .metrics import log_loss
from .model import (
    boosting,
    both_scores,
    logistic_baseline,
    plain_boosting,
    prior_baseline,
    probabilities_of,
    rule_as_text,
    rule_baseline,
    scores_of,
)
from .model_folder import fingerprint
from .params import TrainSection, load_params
from .pipelines import encodings_of, limit_threads, round_encodings
from .predict import Card
from .search import best_of, drawn_settings

# Beside the candidate: a score for each training row by a model that had not seen it, shape (rows, classes).
OUT_OF_FOLD = "out_of_fold.npy"
CALIBRATION_FOLDS = 3

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]


def folds_of(dataset: Dataset, folds: int, seed: int) -> list[Fold]:
    """Divide the training rows for the search.

    Rows with a time are divided as the model will be used: each fold learns from the days before and is scored on the
    days after. Without a time every class is spread evenly over the folds.

    Returns:
        Row numbers to learn from and to score on, for each fold.
    """
    truth = dataset.truth("train")
    time = dataset.contract.time()
    if time is None:
        return list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(truth, truth))
    return list(folds_by_day(dataset.parts["train"][time], folds))


def folds_by_day(times: pd.Series, folds: int) -> Iterator[Fold]:
    """Yield folds of growing length: each is scored on the next part of the days."""
    day = times.dt.normalize()
    share = day.rank(method="min").sub(1).to_numpy(dtype=np.float64) / len(day)
    for number in range(1, folds + 1):
        begin, end = number / (folds + 1), (number + 1) / (folds + 1)
        yield np.flatnonzero(share < begin), np.flatnonzero((share >= begin) & (share < end))


def validated_log_loss(model: Pipeline, table: pd.DataFrame, truth: Codes, folds: list[Fold]) -> float:
    """Return the mean log loss over the folds."""
    losses = []
    for learn, score in folds:
        with limit_threads(len(learn)):
            model.fit(table.iloc[learn], truth[learn])
        predicted = probabilities_of(model, table.iloc[score], truth.max() + 1)
        losses.append(log_loss(truth[score], predicted))
    return float(np.mean(losses))


def out_of_fold_scores(model: Pipeline, table: pd.DataFrame, dataset: Dataset, seed: int) -> NDArray[np.float64]:
    """Return scores for the training rows, each from a model that has not seen the row, nor its day.

    Args:
        model: The model; copies of it are fitted.
        table: Features of the training rows.
        dataset: Has the classes and the days.
        seed: Makes the folds repeatable.
    """
    truth, days = dataset.truth("train"), dataset.days("train")
    folds = StratifiedKFold if days is None else GroupKFold
    splitter = folds(CALIBRATION_FOLDS, shuffle=True, random_state=seed)
    groups = None if days is None else days.astype(np.int64)
    scores = cross_val_predict(clone(model), table, truth, groups=groups, cv=splitter, method="decision_function")
    return both_scores(np.asarray(scores, dtype=np.float64))


def search(table: pd.DataFrame, dataset: Dataset, params: TrainSection, mlflow: Any) -> tuple[Pipeline, dict[str, Any]]:
    """Compare settings on the folds.

    Returns:
        The best model, not fitted yet, and the table of all trials.
    """
    truth = dataset.truth("train")
    folds = folds_of(dataset, params.search.folds, params.seed)

    def model_of(trial: dict[str, Any]) -> Pipeline:
        return boosting(dataset.plan, trial["settings"], params.class_weight, params.seed)

    trials = [{"settings": settings} for settings in drawn_settings(params.search, params.seed)]
    results = best_of(
        trials, lambda trial: validated_log_loss(model_of(trial), table, truth, folds), "log_loss", mlflow
    )
    return model_of(results["best"]), results


def baselines(raw_table: pd.DataFrame, raw: Plan, truth: Codes, seed: int) -> dict[str, Any]:
    """Fit what the model is compared with, on the raw join."""
    models = {
        "prior": prior_baseline(),
        "rule": rule_baseline(raw),
        "logistic": logistic_baseline(raw),
        "plain": plain_boosting(raw, seed),
    }
    return {name: model.fit(raw_table, truth) for name, model in models.items()}


def typical_values(table: pd.DataFrame, plan: Plan) -> dict[str, float | str | None]:
    """Return median or most frequent value of each feature."""
    numbers, texts = plan.names("number"), plan.names("category", "encoded")
    medians = table[numbers].quantile(0.5, interpolation="nearest")
    values: dict[str, float | str | None] = {
        name: None if pd.isna(medians[name]) else float(medians[name]) for name in numbers
    }
    return values | {name: str(table[name].mode().iloc[0]) for name in texts}


def usual_alarm(predicted: NDArray[np.float64], threshold: float | None) -> int:
    """Return the row in the middle of those above the threshold, as the example for the documents and the demo."""
    alarms = predicted[predicted >= (threshold or 0)]
    middle = np.median(alarms) if len(alarms) else predicted.max()
    return int(np.abs(predicted - middle).argmin())


def main() -> None:
    """Train and calibrate on the training part, save, and record the run."""
    all_params = load_params()
    params = all_params.train
    dataset = load_dataset(all_params)
    train, truth = dataset.parts["train"], dataset.truth("train")
    policy, features = dataset.policy, dataset.features()
    table = dataset.training_table(all_params.features.past.forget, params.seed)
    raw_table = dataset.features(dataset.raw).table(train)

    with tracking.run() as mlflow, limit_threads(len(train)):
        run_id = mlflow.active_run().info.run_id
        mlflow.set_tags({"data_md5": tracking.data_hash(all_params.data.path), "git_commit": tracking.git_commit()})
        mlflow.log_params(params.model_dump(exclude={"search": {"space"}}))
        mlflow.log_params({"features": len(dataset.plan.features), **all_params.decision.model_dump()})
        print(f"{len(dataset.plan.features)} features of {len(train)} rows: {', '.join(dataset.plan.groups())}")
        model, trials = search(table, dataset, params, mlflow)
        mlflow.log_params({f"best_{name}": value for name, value in trials["best"]["settings"].items()})
        print("Final model, its calibration, and the baselines", flush=True)
        model.fit(table, truth)
        round_encodings(model)
        reference = baselines(raw_table, dataset.raw, truth, params.seed)
        scores = out_of_fold_scores(model, table, dataset, params.seed)
        calibration = calibrate(scores, truth)

        encodings = encodings_of(model, list(table.columns))
        width = len(features.numeric) + sum(len(encoding.columns()) for encoding in encodings)
        graph = export_onnx(model, width)
        test = dataset.parts["test"]
        probabilities = calibration.probabilities(scores_of(model, features.table(test)))
        shown = probabilities.max(axis=1) if policy.positive is None else probabilities[:, policy.positive]
        card = Card(
            name=tracking.PROJECT,
            target=dataset.contract.target,
            columns=served_columns(train, dataset.contract.columns),
            encodings=encodings,
            plan=dataset.plan,
            typical=typical_values(table, dataset.plan),
            lookups=dataset.lookups,
            history=dataset.history,
            calibration=calibration,
            policy=policy,
            example=example_row(test.iloc[usual_alarm(shown, policy.threshold)], dataset.contract.columns),
            origin=tracking.origin(run_id, log_model(mlflow, model, table), all_params.data.path),
        )
        card.version = fingerprint(graph, card)
        save(CANDIDATE, card, graph, {"model": model, **reference})
        np.save(CANDIDATE / OUT_OF_FOLD, scores)
        trials["rule"] = rule_as_text(reference["rule"], dataset.raw, policy.classes)
        REPORTS.mkdir(exist_ok=True)
        (REPORTS / "search.json").write_text(json.dumps(trials, indent=2) + "\n", encoding="utf-8")
    print(f"Model {card.version} is in {CANDIDATE}")


if __name__ == "__main__":
    main()
