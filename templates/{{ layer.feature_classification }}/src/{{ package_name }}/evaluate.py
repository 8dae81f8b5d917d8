"""Pipeline stage `evaluate`: how good is the candidate, where is it weak, and does its export agree with it?

Reads models/candidate/, data/prepared/ and params.yaml (`evaluate`); writes reports/metrics.json, the plots and the
tables in reports/, and adds them to the MLflow run. Run by `dvc repro`.
"""

import json
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import figures, plots, tracking
from .bootstrap import Floats, with_intervals
from .bundle import load_pipeline
from .calibration import Calibration, uncalibrated
from .config import CANDIDATE, REPORTS, EvaluateSection
from .dataset import Codes, load_dataset
from .decision import Policy
from .export import TOLERANCE
from .metrics import confusion, decisive_error, indicators, metrics_of
from .model import scores_of
from .params import load_params
from .predict import Predictor
from .slices import groups, importance

BASELINES = ("logistic", "rule", "prior")
# Importance shuffles this many test rows: enough for the third digit, and a fraction of the time.
IMPORTANCE_ROWS = 10_000
# The reliability plot has this many points, each of as many rows.
RELIABILITY_BINS = 12


def check_export(native: Floats, exported: Floats) -> float:
    """Return the largest difference between a probability of the pipeline and of its ONNX export.

    Raises:
        SystemExit: If it is above the tolerance: the service would answer something else than was evaluated.
    """
    difference = float(np.max(np.abs(native - exported)))
    if difference > TOLERANCE:
        raise SystemExit(
            f"error: the ONNX export differs from scikit-learn by {difference:.2e} on the test part; "
            f"allowed are {TOLERANCE:g}"
        )
    return difference


def reliability(happened: NDArray[np.bool_], predicted: Floats) -> pd.DataFrame:
    """Compare predicted and observed shares in bins of equally many rows.

    Args:
        happened: Whether the class was there, shape (n,).
        predicted: Its probability, shape (n,).
    """
    bins = pd.qcut(pd.Series(predicted), RELIABILITY_BINS, labels=False, duplicates="drop")
    table = pd.DataFrame({"bin": bins, "predicted": predicted, "observed": happened.astype(float)})
    means = table.groupby("bin", as_index=False).mean()
    return means.assign(rows=table.groupby("bin").size().to_numpy())


def calibration_error(table: pd.DataFrame) -> float:
    """Return the mean distance of predicted and observed share, weighted by rows (expected calibration error)."""
    distance = (table["predicted"] - table["observed"]).abs()
    return float((distance * table["rows"]).sum() / table["rows"].sum())


def confusion_with_intervals(
    truth: Codes, decided: Codes, policy: Policy, samples: int, seed: int, blocks: NDArray[Any] | None
) -> list[list[dict[str, float]]]:
    """Count rows by true class and decision, each count with its bootstrap interval."""
    classes = len(policy.classes)

    def counted(row: int, column: int) -> Any:
        return lambda true, both: float(np.sum((true == row) & (both == column)))

    cells = {f"{row} {column}": counted(row, column) for row in range(classes) for column in range(classes)}
    results = with_intervals(cells, truth, decided, samples, seed, blocks)
    return [[results[f"{row} {column}"] for column in range(classes)] for row in range(classes)]


def errors_by_slice(
    test: pd.DataFrame, truth: Codes, predicted: Floats, policy: Policy, columns: list[str]
) -> pd.DataFrame:
    """Compute metrics within groups of rows; a group without some class has no ROC AUC."""
    metrics = metrics_of(policy)
    shown = policy.positive
    rows = []
    for column, label, members in groups(test, columns):
        true, chance = truth[members], predicted[members]
        rows.append(
            {
                "column": column,
                "group": label,
                "rows": len(members),
                "share": float("nan") if shown is None else float(np.mean(true == shown)),
                "predicted": float("nan") if shown is None else float(chance[:, shown].mean()),
                "roc_auc": metrics["roc_auc"](true, chance),
                "log_loss": metrics["log_loss"](true, chance),
                "cost": metrics["cost"](true, chance),
            }
        )
    names = ["column", "group", "rows", "share", "predicted", "roc_auc", "log_loss", "cost"]
    return pd.DataFrame(rows, columns=names)


def probabilities_of(model: Any, table: pd.DataFrame, classes: int) -> Floats:
    """Return the probabilities of a baseline, shape (rows, classes)."""
    probabilities = np.zeros((len(table), classes))
    probabilities[:, model.classes_] = model.predict_proba(table)
    return probabilities


def cost_curve(truth: Codes, predicted: Floats, policy: Policy) -> pd.DataFrame:
    """Return the mean cost of a row for each threshold, for two classes."""
    thresholds = np.linspace(0.02, 0.98, 97)
    positive = predicted[:, int(policy.positive or 0)]
    yes, no = int(policy.positive or 0), 1 - int(policy.positive or 0)
    costs = [policy.cost(truth, np.where(positive >= threshold, yes, no)) for threshold in thresholds]
    return pd.DataFrame({"threshold": thresholds, "cost": costs})


def decisions(truth: Codes, predicted: Floats, policy: Policy, params: EvaluateSection, days: Any) -> dict[str, Any]:
    """Report what is decided and what it costs, against the two policies that need no model."""
    decided = policy.decide(predicted)
    report: dict[str, Any] = {
        "classes": policy.classes,
        "confusion": confusion_with_intervals(truth, decided, policy, params.bootstrap_samples, params.seed, days),
    }
    if policy.positive is not None:
        curve = cost_curve(truth, predicted, policy)
        best = curve.iloc[int(curve["cost"].to_numpy().argmin())]
        report |= {
            "positive": policy.classes[policy.positive],
            "threshold": policy.threshold,
            "costs": {"missed": policy.missed, "false_alarm": policy.false_alarm},
            "cost_always": policy.cost(truth, np.full(len(truth), policy.positive)),
            "cost_never": policy.cost(truth, np.full(len(truth), 1 - policy.positive)),
            "best_threshold_in_hindsight": float(best["threshold"]),
            "best_cost_in_hindsight": float(best["cost"]),
        }
    return report


def calibrations(
    truth: Codes, scores: Floats, calibration: Calibration, policy: Policy
) -> dict[str, tuple[pd.DataFrame, float]]:
    """Return reliability table and error with and without calibration: of the positive class, or of all together."""
    happened = indicators(truth, len(policy.classes)).astype(bool)
    places = list(range(len(policy.classes))) if policy.positive is None else [policy.positive]
    tables = {}
    for name, predicted in (("before", uncalibrated(scores)), ("after", calibration.probabilities(scores))):
        table = reliability(happened[:, places].ravel(), predicted[:, places].ravel())
        tables[name] = (table, calibration_error(table))
    return tables


def main() -> None:
    """Evaluate the candidate on the test part."""
    all_params = load_params()
    params = all_params.evaluate
    dataset = load_dataset(all_params)
    policy, test, truth, days = dataset.policy, dataset.parts["test"], dataset.truth("test"), dataset.days("test")
    predictor = Predictor.load(CANDIDATE)
    matrix = predictor.features.from_frame(test)
    predicted = predictor.outputs(matrix)
    model = load_pipeline(CANDIDATE, "model")
    native = predictor.card.calibration.probabilities(scores_of(model, dataset.features().table(test)))
    difference = check_export(native, predicted)

    metrics = metrics_of(policy)
    raw_table = dataset.features(dataset.raw).table(test)
    others = {
        name: probabilities_of(load_pipeline(CANDIDATE, name), raw_table, len(policy.classes))
        for name in (*BASELINES, "plain")
    }

    def judged(probabilities: Floats) -> dict[str, dict[str, float]]:
        return with_intervals(metrics, truth, probabilities, params.bootstrap_samples, params.seed, days)

    reliable = calibrations(truth, predictor.run(matrix), predictor.card.calibration, policy)
    results: dict[str, Any] = {
        "rows": len(test),
        "split": "hash" if days is None else "time",
        "model": judged(predicted),
        "baselines": {name: judged(others[name]) for name in BASELINES},
        "plain_boosting": judged(others["plain"]),
        "decisions": decisions(truth, predicted, policy, params, days),
        "calibration_error": {name: error for name, (_, error) in reliable.items()},
        "export": {"largest_difference": difference, "tolerance": TOLERANCE},
    }
    drawn = test.sample(min(IMPORTANCE_ROWS, len(test)), random_state=params.seed)

    def error(shuffled: pd.DataFrame, _: Codes) -> float:
        return decisive_error(predictor, shuffled.assign(**{dataset.contract.target: drawn[dataset.contract.target]}))

    names = [column.name for column in dataset.contract.columns]
    ranking = importance(drawn[names], truth[drawn.index], error, params.importance_repeats, params.seed)
    slices = errors_by_slice(test, truth, predicted, policy, params.slices or [str(name) for name in ranking.index[:2]])

    REPORTS.mkdir(exist_ok=True)
    (REPORTS / "metrics.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    ranking.rename_axis("feature").to_csv(REPORTS / "importance.csv", float_format="%.6g")
    slices.to_csv(REPORTS / "slices.csv", index=False, float_format="%.6g")
    plots.reliability({name: table for name, (table, _) in reliable.items()}, REPORTS / "reliability.png")
    plots.confusion(confusion(truth, policy.decide(predicted), len(policy.classes)), policy.classes, REPORTS)
    plots.curves(truth, predicted, others, policy, REPORTS / "curves.png")
    figures.importance(ranking, "log loss", REPORTS / "importance.png")
    figures.slices(slices, "log_loss", "log loss", REPORTS / "slices.png")

    with tracking.run(predictor.card.origin["run_id"]) as mlflow:
        for name, result in results["model"].items():
            mlflow.log_metric(f"test_{name}", result["value"])
        for name, result in results["baselines"].items():
            mlflow.log_metric(f"baseline_{name}_log_loss", result["log_loss"]["value"])
        mlflow.log_metric("calibration_error", results["calibration_error"]["after"])
        mlflow.log_artifacts(str(REPORTS), "reports")
    for name, result in results["model"].items():
        low, value, high = result["low"], result["value"], result["high"]
        logistic = results["baselines"]["logistic"][name]["value"]
        print(f"{name:>17}: {value:.4g} (95% interval {low:.4g} to {high:.4g}); logistic: {logistic:.4g}")


if __name__ == "__main__":
    main()
