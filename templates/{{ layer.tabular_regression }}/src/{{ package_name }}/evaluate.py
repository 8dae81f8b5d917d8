"""Pipeline stage `evaluate`: how good is the candidate, where is it weak, and does its export agree with it?

Reads models/candidate/, data/prepared/test.parquet and params.yaml (`evaluate`); writes reports/metrics.json, the plots
and the tables in reports/, and adds them to the MLflow run. Run by `dvc repro`.
"""

import json
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from numpy.typing import NDArray
from sklearn.inspection import permutation_importance

from . import plots, tracking
from .data import load_contract
from .export import TOLERANCE
from .features import arrays_from_frame, table_for_pipeline
from .interval import coverage
from .metrics import Floats, mae, rmse, with_intervals
from .params import CANDIDATE, PREPARED, REPORTS, EvaluateParams, load_params
from .predict import Predictor
from .train import TRUSTED_TYPES

# A group of fewer test rows says little about its error.
SMALLEST_SLICE = 15


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


def importance(
    model: Any, predictor: Predictor, table: pd.DataFrame, truth: Floats, params: EvaluateParams
) -> pd.Series:
    """Permutation importance: how much RMSE grows when a feature is shuffled (Breiman 2001), largest first.

    The exported graph predicts here, because it is many times as fast as the pipeline that it was checked against.
    """

    def score(_: Any, shuffled: pd.DataFrame, truth: Floats) -> float:
        return -rmse(truth, predictor.run(*arrays_from_frame(shuffled, predictor.card.columns)))

    result = permutation_importance(
        model, table, truth, scoring=score, n_repeats=params.importance_repeats, random_state=params.seed
    )
    series = pd.Series(result.importances_mean, index=table.columns, name="rmse_increase")
    return series.sort_values(ascending=False)


def errors_by_slice(
    test: pd.DataFrame, truth: Floats, prediction: Floats, inside: NDArray[np.bool_], columns: list[str]
) -> pd.DataFrame:
    """Error within groups of rows: each category, or each quarter of a number."""
    rows = []
    for column in columns:
        groups = test[column]
        quarters = pd.api.types.is_numeric_dtype(groups) and groups.nunique() > 8
        if quarters:
            groups = pd.qcut(groups, 4, duplicates="drop")
        for group, index in test.groupby(groups, observed=True).indices.items():
            values = test[column].iloc[index]
            label = f"{values.min():g} to {values.max():g}" if quarters else str(group)
            if len(index) >= SMALLEST_SLICE:
                rows.append(
                    {
                        "column": column,
                        "group": label,
                        "rows": len(index),
                        "rmse": rmse(truth[index], prediction[index]),
                        "mae": mae(truth[index], prediction[index]),
                        "mean_error": float(np.mean(prediction[index] - truth[index])),
                        "coverage": float(inside[index].mean()),
                    }
                )
    return pd.DataFrame(rows)


def main() -> None:
    """Evaluate the candidate on the test part."""
    params = load_params().evaluate
    contract = load_contract()
    test = pd.read_parquet(PREPARED / "test.parquet")
    truth = test[contract.target].to_numpy(dtype=np.float64)
    table = table_for_pipeline(test, contract.columns)
    models = {
        name: skops.io.load(CANDIDATE / f"{name}.skops", trusted=TRUSTED_TYPES)
        for name in ("model", "linear", "median")
    }
    predictor = Predictor.load(CANDIDATE)
    prediction = predictor.run(*arrays_from_frame(test, contract.columns))
    difference = check_export(models["model"].predict(table), prediction)
    lower, upper = predictor.card.interval.around(prediction)
    inside = (lower <= truth) & (truth <= upper)

    results: dict[str, Any] = {
        "rows": len(test),
        "model": with_intervals(truth, prediction, params.bootstrap_samples, params.seed),
        "baselines": {
            name: with_intervals(truth, models[name].predict(table), params.bootstrap_samples, params.seed)
            for name in ("linear", "median")
        },
        "interval": {
            "level": predictor.card.interval.level,
            "coverage": coverage(truth, lower, upper),
            "mean_width": float(np.mean(upper - lower)),
        },
        "export": {"largest_relative_difference": difference, "tolerance": TOLERANCE},
    }
    ranking = importance(models["model"], predictor, table, truth, params)
    slices = errors_by_slice(
        test, truth, prediction, inside, params.slices or [str(name) for name in ranking.index[:2]]
    )

    REPORTS.mkdir(exist_ok=True)
    (REPORTS / "metrics.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    ranking.rename_axis("feature").to_csv(REPORTS / "importance.csv", float_format="%.6g")
    slices.to_csv(REPORTS / "slices.csv", index=False, float_format="%.6g")
    plots.residuals(truth, prediction, contract.target, REPORTS / "residuals.png")
    plots.importance(ranking, contract.target, REPORTS / "importance.png")
    plots.slices(slices, REPORTS / "slices.png")

    with tracking.run(predictor.card.origin["run_id"]) as mlflow:
        for name, result in results["model"].items():
            mlflow.log_metric(f"test_{name}", result["value"])
        mlflow.log_metric("baseline_linear_rmse", results["baselines"]["linear"]["rmse"]["value"])
        mlflow.log_metric("baseline_median_rmse", results["baselines"]["median"]["rmse"]["value"])
        mlflow.log_metric("interval_coverage", results["interval"]["coverage"])
        mlflow.log_artifacts(str(REPORTS), "reports")
    for name, result in results["model"].items():
        low, value, high = result["low"], result["value"], result["high"]
        linear = results["baselines"]["linear"][name]["value"]
        print(f"{name:>5}: {value:,.6g} (95% interval {low:,.6g} to {high:,.6g}); linear: {linear:,.6g}")


if __name__ == "__main__":
    main()
