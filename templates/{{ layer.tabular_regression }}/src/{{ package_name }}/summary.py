"""The results as Markdown, for README.md and MODEL_CARD.md (see `report.py`).

Every figure comes from a file that the pipeline wrote.
"""

import json
from typing import Any

import pandas as pd

from .config import REPORTS

NOT_YET = "_No results yet: run `uv run poe demo`._"


def number(value: float) -> str:
    """Write a figure with as many digits as a reader can use."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def cell(result: dict[str, float]) -> str:
    """Write a metric with its interval."""
    return f"{number(result['value'])} ({number(result['low'])} to {number(result['high'])})"


def read(name: str) -> Any:
    """Read one of the pipeline's JSON files."""
    return json.loads((REPORTS / name).read_text(encoding="utf-8"))


def sections() -> dict[str, str]:
    """Return the Markdown of each marked section; a hint where the pipeline has not run."""
    try:
        metrics, quality, trials = read("metrics.json"), read("data_quality.json"), read("search.json")
        promotion = read("promotion.json")
        slices = pd.read_csv(REPORTS / "slices.csv")
        importance = pd.read_csv(REPORTS / "importance.csv")
    except (OSError, ValueError):
        return {"results": NOT_YET, "facts": NOT_YET}
    return {
        "results": results(metrics, importance, slices, promotion["target"]),
        "facts": facts(metrics, quality, trials["best"], promotion),
    }


def results(metrics: dict[str, Any], importance: pd.DataFrame, slices: pd.DataFrame, target: str) -> str:
    """Return the section with the result, its baselines and the weak spots."""
    rows = {
        "**Gradient boosting**": metrics["model"],
        "Ridge regression (baseline)": metrics["baselines"]["linear"],
        "Median (baseline)": metrics["baselines"]["median"],
    }
    table = [
        "| Model | RMSE | MAE | R² |",
        "|---|---|---|---|",
        *(f"| {name} | {cell(r['rmse'])} | {cell(r['mae'])} | {cell(r['r2'])} |" for name, r in rows.items()),
    ]
    interval = metrics["interval"]
    top = ", ".join(f"`{name}`" for name in importance["feature"].head(5))
    text = [
        f"Error in `{target}` on {metrics['rows']} test rows that no training step has seen; "
        "in brackets the 95% bootstrap interval.",
        "",
        *table,
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


def facts(
    metrics: dict[str, Any],
    quality: dict[str, Any],
    best: dict[str, Any],
    promotion: dict[str, Any],
) -> str:
    """Return the section of generated facts for the model card."""
    settings = ", ".join(f"{name} {value:g}" for name, value in best["settings"].items())
    champion = promotion["champion"]
    split = ", ".join(f"{rows} {part}" for part, rows in quality["split"].items())
    lines = {
        "Model in service": f"`{champion['version']}`, trained at {champion['trained_at']}" if champion else "none",
        "Code and data": f"git `{champion['git_commit']}`, data MD5 `{champion['data_md5']}`" if champion else "",
        "Last decision": promotion["reason"],
        "Algorithm": f"histogram gradient boosting on the {best['scale']} scale ({settings})",
        "Rows": f"{quality['rows']} ({split}), {quality['features']} features",
        "Duplicate rows": f"{quality['duplicate_rows']}",
        "Columns with missing values": f"{len(quality['missing_share'])}",
        "Target": f"mean {number(quality['target']['mean'])}, median {number(quality['target']['median'])}, "
        f"from {number(quality['target']['minimum'])} to {number(quality['target']['maximum'])}",
        "Export": f"ONNX differs from scikit-learn by at most {metrics['export']['largest_relative_difference']:.1e} "
        f"(relative; allowed {metrics['export']['tolerance']:g})",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in lines.items())])
