"""What an evaluation leaves behind: tables in reports/, the pictures that every table stage draws, metrics in MLflow.

`evaluate.py` of each stage calls it with what it found.
"""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from . import table_figures, tracking
from .config import REPORTS
from .metrics import DECISIVE


def write_reports(results: Mapping[str, Any], ranking: pd.Series, slices: pd.DataFrame) -> None:
    """Write metrics.json, importance.csv and slices.csv.

    Args:
        results: The metrics.
        ranking: Importance of each column, largest first.
        slices: Errors within groups of rows.
    """
    REPORTS.mkdir(exist_ok=True)
    (REPORTS / "metrics.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    ranking.rename_axis("feature").to_csv(REPORTS / "importance.csv", float_format="%.6g")
    slices.to_csv(REPORTS / "slices.csv", index=False, float_format="%.6g")


def draw_reports(ranking: pd.Series, importance_of: str, slices: pd.DataFrame, error: str, error_name: str) -> None:
    """Draw importance.png and slices.png.

    Args:
        ranking: Importance of each column, largest first.
        importance_of: Name of the error that grows.
        slices: Errors within groups of rows.
        error: The column of `slices` that is drawn.
        error_name: What it is called.
    """
    table_figures.importance(ranking, importance_of, REPORTS / "importance.png")
    table_figures.slices(slices, error, error_name, REPORTS / "slices.png")


def log_results(run_id: str, results: Mapping[str, Any], **more: float) -> None:
    """Add metrics, pictures and tables to the MLflow run that made the model.

    Args:
        run_id: The run.
        results: Has the metrics of `model` and of each of the `baselines`.
        more: Metrics that only this stage has.
    """
    with tracking.run(run_id) as mlflow:
        for name, result in results["model"].items():
            mlflow.log_metric(f"test_{name}", result["value"])
        for name, result in results["baselines"].items():
            mlflow.log_metric(f"baseline_{name}_{DECISIVE}", result[DECISIVE]["value"])
        mlflow.log_metrics(more)
        mlflow.log_artifacts(str(REPORTS), "reports")


def print_results(results: Mapping[str, Any], baseline: str) -> None:
    """Print each metric with its interval, beside that of a baseline."""
    width = max(map(len, results["model"]))
    for name, result in results["model"].items():
        low, value, high = result["low"], result["value"], result["high"]
        other = results["baselines"][baseline][name]["value"]
        print(f"{name:>{width}}: {value:,.6g} (95% interval {low:,.6g} to {high:,.6g}); {baseline}: {other:,.6g}")
