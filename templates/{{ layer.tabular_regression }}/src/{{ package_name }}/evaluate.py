"""Pipeline stage `evaluate`: how good is the candidate, where is it weak, and does its export agree with it?

Reads models/candidate/, data/prepared/test.parquet and params.yaml (`evaluate`); writes reports/metrics.json, the plots
and the tables in reports/, and adds them to the MLflow run. Run by `dvc repro`.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import plots
from .bootstrap import Floats, with_intervals
from .bundle import load_pipeline
from .config import CANDIDATE, PREPARED, REPORTS
from .data import load_contract
from .export import TOLERANCE
from .features import table_for_pipeline
from .interval import coverage
from .metrics import METRICS, mae, rmse
from .params import load_params
from .predict import Predictor
from .record import draw_reports, log_results, print_results, write_reports
from .slices import groups, importance


def check_export(native: Floats, exported: Floats) -> float:
    """Return the largest relative difference between the pipeline and its ONNX export.

    Raises:
        SystemExit: If it is above the tolerance: the service would answer something else than was evaluated.
    """
    difference = float(np.max(np.abs(native - exported) / np.maximum(np.abs(native), 1e-9)))
    if difference > TOLERANCE:
        raise SystemExit(
            f"error: the ONNX export differs from scikit-learn by {difference:.2e} (relative) on the test part; "
            f"allowed are {TOLERANCE:g}"
        )
    return difference


def errors_by_slice(
    test: pd.DataFrame, truth: Floats, prediction: Floats, inside: NDArray[np.bool_], columns: list[str]
) -> pd.DataFrame:
    """Compute errors within groups of rows."""
    return pd.DataFrame(
        {
            "column": column,
            "group": label,
            "rows": len(rows),
            "rmse": rmse(truth[rows], prediction[rows]),
            "mae": mae(truth[rows], prediction[rows]),
            "mean_error": float(np.mean(prediction[rows] - truth[rows])),
            "coverage": float(inside[rows].mean()),
        }
        for column, label, rows in groups(test, columns)
    )


def main() -> None:
    """Evaluate the candidate on the test part."""
    params = load_params().evaluate
    contract = load_contract()
    test = pd.read_parquet(PREPARED / "test.parquet")
    truth = test[contract.target].to_numpy(dtype=np.float64)
    table = table_for_pipeline(test, contract.columns)
    models = {name: load_pipeline(CANDIDATE, name) for name in ("model", "linear", "median")}
    predictor = Predictor.load(CANDIDATE)
    prediction = predictor.value(predictor.features.from_frame(test))
    difference = check_export(models["model"].predict(table), prediction)
    lower, upper = predictor.card.interval.around(prediction)
    inside = (lower <= truth) & (truth <= upper)

    def judged(values: Floats) -> dict[str, dict[str, float]]:
        return with_intervals(METRICS, truth, values, params.bootstrap_samples, params.seed)

    def error(shuffled: pd.DataFrame, true: Floats) -> float:
        # The exported graph predicts here: it is many times as fast as the pipeline that it was checked against.
        return rmse(true, predictor.value(predictor.features.from_frame(shuffled)))

    results: dict[str, Any] = {
        "rows": len(test),
        "model": judged(prediction),
        "baselines": {name: judged(models[name].predict(table)) for name in ("linear", "median")},
        "interval": {
            "level": predictor.card.interval.level,
            "coverage": coverage(truth, lower, upper),
            "mean_width": float(np.mean(upper - lower)),
        },
        "export": {"largest_relative_difference": difference, "tolerance": TOLERANCE},
    }
    ranking = importance(test[list(table.columns)], truth, error, params.importance_repeats, params.seed)
    slices = errors_by_slice(
        test, truth, prediction, inside, params.slices or [str(name) for name in ranking.index[:2]]
    )

    write_reports(results, ranking, slices)
    draw_reports(ranking, f"RMSE ({contract.target})", slices, "mae", "mean absolute error")
    plots.residuals(truth, prediction, contract.target, REPORTS / "residuals.png")
    log_results(predictor.card.origin["run_id"], results, interval_coverage=results["interval"]["coverage"])
    print_results(results, "linear")


if __name__ == "__main__":
    main()
