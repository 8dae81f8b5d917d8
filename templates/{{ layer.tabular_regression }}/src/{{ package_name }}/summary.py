"""The results as Markdown, for README.md and MODEL_CARD.md (see `report.py`).

Every figure comes from a file that the pipeline wrote.
"""

from typing import Any

import pandas as pd

from .config import REPORTS
from .facts import common_facts, data_facts
from .project_file import Headline, against_baselines
from .wording import NOT_YET, cell, number, read, table

TITLES = {"linear": "Ridge regression (baseline)", "median": "Median (baseline)"}


def sections() -> dict[str, str]:
    """Return the Markdown of each marked section; a hint where the pipeline has not run."""
    try:
        metrics, quality, trials = read("metrics.json"), read("data_quality.json"), read("search.json")
        promotion = read("promotion.json")
        slices = pd.read_csv(REPORTS / "slices.csv")
        importance = pd.read_csv(REPORTS / "importance.csv")
    except (OSError, ValueError):
        return dict.fromkeys(("results", "facts", "data"), NOT_YET)
    return {
        "results": results(metrics, importance, slices, promotion["target"]),
        "facts": facts(metrics, quality, trials["best"], promotion),
        "data": table(["", ""], data_facts(quality).items()),
    }


def headline() -> Headline:
    """Return the results that stand for the project.

    Raises:
        OSError: Before the first run.
    """
    metrics, quality, target = read("metrics.json"), read("data_quality.json"), read("promotion.json")["target"]
    results = [
        against_baselines(metrics, "rmse", f"RMSE of {target}", TITLES, higher_is_better=False),
        against_baselines(metrics, "mae", f"MAE of {target}", TITLES, higher_is_better=False),
        against_baselines(metrics, "r2", "R²", TITLES, higher_is_better=True),
    ]
    return Headline(results=results, rows=quality["split"]["train"])


def results(metrics: dict[str, Any], importance: pd.DataFrame, slices: pd.DataFrame, target: str) -> str:
    """Return the section with the result, its baselines and the weak spots."""
    rows = {
        "**Gradient boosting**": metrics["model"],
        **{title: metrics["baselines"][name] for name, title in TITLES.items()},
    }
    names = ["rmse", "mae", "r2"]
    interval = metrics["interval"]
    top = ", ".join(f"`{name}`" for name in importance["feature"].head(5))
    text = [
        f"Error in `{target}` on {metrics['rows']} test rows that no training step has seen; "
        "in brackets the 95% bootstrap interval.",
        "",
        table(
            ["Model", "RMSE", "MAE", "R²"],
            ([title, *(cell(result[name]) for name in names)] for title, result in rows.items()),
        ),
        "",
        f"The {interval['level']:.0%} prediction interval holds {interval['coverage']:.1%} of the test rows "
        f"(mean width {number(interval['mean_width'])}). What matters most: {top}.",
    ]
    if not slices.empty:
        worst = slices.sort_values("mae").iloc[-1]
        text += [
            "",
            f"Weakest of the groups in `reports/slices.csv`: `{worst['column']}` = {worst['group']} "
            f"(MAE {number(worst['mae'])} on {worst['rows']} rows).",
        ]
    text += ["", "![Predicted and true values, and errors](reports/residuals.png)"]
    return "\n".join(text)


def facts(metrics: dict[str, Any], quality: dict[str, Any], best: dict[str, Any], promotion: dict[str, Any]) -> str:
    """Return the section of generated facts for the model card."""
    settings = ", ".join(f"{name} {value:g}" for name, value in best["settings"].items())
    target, export = quality["target"], metrics["export"]
    lines = common_facts(quality, promotion) | {
        "Algorithm": f"histogram gradient boosting on the {best['scale']} scale ({settings})",
        "Target": f"mean {number(target['mean'])}, median {number(target['median'])}, "
        f"from {number(target['minimum'])} to {number(target['maximum'])}",
        "Export": f"ONNX differs from scikit-learn by at most {export['largest_relative_difference']:.1e} "
        f"(relative; allowed {export['tolerance']:g})",
    }
    return table(["", ""], lines.items())
