"""The pictures that every table stage draws. `record.py` calls them; `plots.py` has those of this stage alone."""

from pathlib import Path

import pandas as pd

from .figures import BLUE, DOTS_PER_INCH, GREY, RED, new_figure

SHOWN_FEATURES = 15


def importance(ranking: pd.Series, error: str, path: Path) -> None:
    """Draw the most important columns."""
    top = ranking.head(SHOWN_FEATURES)[::-1]
    figure = new_figure(7, 0.3 * len(top) + 1.3)
    axes = figure.subplots()
    axes.barh([str(name) for name in top.index], top.to_numpy(), color=BLUE)
    axes.set(xlabel=f"growth of {error} when shuffled", title="Permutation importance")
    figure.savefig(path, dpi=DOTS_PER_INCH)


def slices(table: pd.DataFrame, column: str, error: str, path: Path) -> None:
    """Draw the error of each group of test rows beside the average over groups.

    Args:
        table: Has `column`, `group`, `rows` and the error.
        column: Name of the column with the error.
        error: What the error is called.
        path: Where the picture goes.
    """
    if table.empty:
        table = pd.DataFrame({"column": ["all"], "group": ["rows"], column: [0.0], "rows": [0]})
    labels = [f"{r.column} = {r.group} ({r.rows})" for r in table.itertuples()][::-1]
    figure = new_figure(8, 0.27 * len(labels) + 1.3)
    axes = figure.subplots()
    mean = float(table[column].mean())
    errors = table[column].to_numpy()[::-1]
    axes.barh(labels, errors, color=[RED if value > 1.5 * mean else BLUE for value in errors])
    axes.axvline(mean, color=GREY, linewidth=1)
    axes.set(xlabel=error, title="Error by slice (rows in brackets)")
    figure.savefig(path, dpi=DOTS_PER_INCH)
