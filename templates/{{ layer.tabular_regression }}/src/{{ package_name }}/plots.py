"""The pictures of the report. Each function draws one and writes it as PNG; nothing is shown on a screen."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

BLUE, GREY, RED = "#2563eb", "#64748b", "#dc2626"
SHOWN_FEATURES = 15


def new_figure(width: float, height: float) -> Figure:
    """Make a figure that needs no screen and no global state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def residuals(truth: NDArray[np.float64], prediction: NDArray[np.float64], target: str, path: Path) -> None:
    """Draw predicted against true values, and errors against predictions, where a pattern would show a flaw."""
    figure = new_figure(10, 4.2)
    left, right = figure.subplots(1, 2)
    left.scatter(truth, prediction, s=10, alpha=0.5, color=BLUE)
    ends = [min(truth.min(), prediction.min()), max(truth.max(), prediction.max())]
    left.plot(ends, ends, color=GREY, linewidth=1)
    left.set(xlabel=f"true {target}", ylabel=f"predicted {target}", title="Predicted and true values")
    right.scatter(prediction, prediction - truth, s=10, alpha=0.5, color=BLUE)
    right.axhline(0, color=GREY, linewidth=1)
    right.set(xlabel=f"predicted {target}", ylabel="predicted - true", title="Errors")
    figure.savefig(path, dpi=110)


def importance(ranking: pd.Series, target: str, path: Path) -> None:
    """Draw the most important features."""
    top = ranking.head(SHOWN_FEATURES)[::-1]
    figure = new_figure(7, 0.3 * len(top) + 1.3)
    axes = figure.subplots()
    axes.barh([str(name) for name in top.index], top.to_numpy(), color=BLUE)
    axes.set(xlabel=f"growth of RMSE ({target}) when shuffled", title="Permutation importance")
    figure.savefig(path, dpi=110)


def slices(table: pd.DataFrame, path: Path) -> None:
    """Draw the error of each group of test rows beside the average over groups."""
    if table.empty:
        table = pd.DataFrame({"column": ["all"], "group": ["rows"], "mae": [0.0], "rows": [0]})
    labels = [f"{r.column} = {r.group} ({r.rows})" for r in table.itertuples()][::-1]
    figure = new_figure(8, 0.27 * len(labels) + 1.3)
    axes = figure.subplots()
    mean = float(table["mae"].mean())
    errors = table["mae"].to_numpy()[::-1]
    axes.barh(labels, errors, color=[RED if error > 1.5 * mean else BLUE for error in errors])
    axes.axvline(mean, color=GREY, linewidth=1)
    axes.set(xlabel="mean absolute error", title="Error by slice (rows in brackets)")
    figure.savefig(path, dpi=110)
