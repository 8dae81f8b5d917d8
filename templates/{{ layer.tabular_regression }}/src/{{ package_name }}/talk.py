"""The results as Markdown that fits on slides, for slides.md (see `report.py`).

Every figure comes from a file that the pipeline wrote.
"""

from typing import Any

import pandas as pd

from .config import REPORTS
from .deck import bullets, deployment, picture
from .table_talk import data
from .wording import NOT_YET, cell, number, plain, read, table

SLIDES = ("slide-data", "slide-result", "slide-picture", "slide-errors", "slide-deployment")
# Groups of test rows with the largest errors.
WORST = 4


def slides() -> dict[str, str]:
    """Return the Markdown of each marked part of the talk; a hint where the pipeline has not run."""
    try:
        metrics, quality, promotion = read("metrics.json"), read("data_quality.json"), read("promotion.json")
        groups = pd.read_csv(REPORTS / "slices.csv")
    except (OSError, ValueError):
        return dict.fromkeys(SLIDES, NOT_YET)
    target = quality["target"]
    spread = (
        f"`{promotion['target']}`: median {number(target['median'])}, from {number(target['minimum'])} to "
        f"{number(target['maximum'])}"
    )
    return {
        "slide-data": bullets([*data(quality), spread]),
        "slide-result": result(metrics, promotion["target"]),
        "slide-picture": picture("residuals.png", "Predicted and true values, and errors"),
        "slide-errors": errors(metrics, groups),
        "slide-deployment": deployment(promotion),
    }


def result(metrics: dict[str, Any], target: str) -> str:
    """Return the result beside its baselines."""
    rows = {
        "**Gradient boosting**": metrics["model"],
        "Ridge regression (baseline)": metrics["baselines"]["linear"],
        "Median (baseline)": metrics["baselines"]["median"],
    }
    interval = metrics["interval"]
    text = [
        f"Error in `{target}` on {metrics['rows']:,} test rows, with its 95% bootstrap interval:",
        "",
        table(["Model", "RMSE", "MAE"], ([name, cell(each["rmse"]), cell(each["mae"])] for name, each in rows.items())),
        "",
        f"The {interval['level']:.0%} prediction interval holds {interval['coverage']:.1%} of them.",
    ]
    return "\n".join(text)


def errors(metrics: dict[str, Any], groups: pd.DataFrame) -> str:
    """Return the groups of test rows with the largest errors."""
    if groups.empty:
        return "No group of test rows is large enough to tell."
    worst = groups.sort_values("mae", ascending=False).head(WORST)
    rows = (
        [
            f"`{row['column']}` = {plain(str(row['group']))}",
            str(row["rows"]),
            number(row["mae"]),
            f"{row['coverage']:.0%}",
        ]
        for _, row in worst.iterrows()
    )
    text = [
        f"Over all test rows the MAE is {number(metrics['model']['mae']['value'])}. It is largest for:",
        "",
        table(["Group", "Test rows", "MAE", "Interval holds"], rows),
    ]
    return "\n".join(text)
