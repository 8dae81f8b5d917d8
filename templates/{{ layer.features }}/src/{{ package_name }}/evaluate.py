"""Pipeline stage `evaluate`: how good is the candidate, where is it weak, and does its export agree with it?

Reads models/candidate/, data/prepared/ and params.yaml (`evaluate`); writes reports/metrics.json, the plots and the
tables in reports/, and adds them to the MLflow run. Run by `dvc repro`.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import plots
from .bootstrap import Floats, with_intervals
from .bundle import load_pipeline
from .calibration import Calibration, uncalibrated
from .config import CANDIDATE, REPORTS
from .dataset import load_dataset
from .decision import Codes, Policy
from .export import TOLERANCE
from .metrics import confusion, indicators, log_loss, metrics_of
from .model import probabilities_of, scores_of
from .params import load_params
from .predict import Predictor
from .record import draw_reports, log_results, print_results, write_reports
from .sections import EvaluateSection
from .slices import groups, importance

BASELINES = ("logistic", "rule", "prior")
# Importance shuffles this many test rows: enough for the third digit, and a fraction of the time.
IMPORTANCE_ROWS = 10_000
# The reliability plot has this many points, each of as many rows.
RELIABILITY_BINS = 12
THRESHOLDS = np.linspace(0.02, 0.98, 97)


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


def cost_curve(truth: Codes, predicted: Floats, policy: Policy) -> pd.DataFrame:
    """Return the mean cost of a row for each threshold; empty for more than two classes, which have none."""
    thresholds = THRESHOLDS if policy.positive is not None else THRESHOLDS[:0]
    costs = [policy.cost(truth, policy.decide(predicted, threshold)) for threshold in thresholds]
    return pd.DataFrame({"threshold": thresholds, "cost": costs})


def decisions(
    truth: Codes, predicted: Floats, curve: pd.DataFrame, policy: Policy, params: EvaluateSection, days: Any
) -> dict[str, Any]:
    """Report what is decided and what it costs, against the two policies that need no model."""
    decided = policy.decide(predicted)
    report: dict[str, Any] = {
        "classes": policy.classes,
        "confusion": confusion_with_intervals(truth, decided, policy, params.bootstrap_samples, params.seed, days),
    }
    if policy.positive is not None:
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

    curve = cost_curve(truth, predicted, policy)
    reliable = calibrations(truth, predictor.run(matrix), predictor.card.calibration, policy)
    results: dict[str, Any] = {
        "rows": len(test),
        "split": "hash" if days is None else "time",
        "model": judged(predicted),
        "baselines": {name: judged(others[name]) for name in BASELINES},
        "plain_boosting": judged(others["plain"]),
        "decisions": decisions(truth, predicted, curve, policy, params, days),
        "calibration_error": {name: error for name, (_, error) in reliable.items()},
        "export": {"largest_difference": difference, "tolerance": TOLERANCE},
    }
    drawn = test.sample(min(IMPORTANCE_ROWS, len(test)), random_state=params.seed)

    def error(shuffled: pd.DataFrame, true: Codes) -> float:
        return log_loss(true, predictor.outputs(predictor.features.from_frame(shuffled)))

    names = [column.name for column in dataset.contract.columns]
    ranking = importance(drawn[names], truth[drawn.index], error, params.importance_repeats, params.seed)
    slices = errors_by_slice(test, truth, predicted, policy, params.slices or [str(name) for name in ranking.index[:2]])

    write_reports(results, ranking, slices)
    draw_reports(ranking, "log loss", slices, "log_loss", "log loss")
    plots.reliability({name: table for name, (table, _) in reliable.items()}, REPORTS / "reliability.png")
    plots.confusion(confusion(truth, policy.decide(predicted), len(policy.classes)), policy.classes, REPORTS)
    plots.curves(truth, predicted, others, curve, policy, REPORTS / "curves.png")
    log_results(predictor.card.origin["run_id"], results, calibration_error=results["calibration_error"]["after"])
    print_results(results, "logistic")


if __name__ == "__main__":
    main()
