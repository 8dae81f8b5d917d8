"""The results of the model as Markdown. `summary.py` puts them into the documents.

Every figure comes from a file that the pipeline wrote.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from .facts import common_facts
from .project_file import Headline, against_baselines
from .wording import cell, table

TITLES = {
    "model": "**Gradient boosting on engineered features**",
    "plain_boosting": "Gradient boosting on the raw join",
    "logistic": "Logistic regression on the raw join (baseline)",
    "rule": "One rule of two questions (baseline)",
    "prior": "Shares of the classes (baseline)",
}
SHOWN = {"roc_auc": "ROC AUC", "average_precision": "Average precision", "brier": "Brier score", "log_loss": "Log loss"}
# A group of fewer test rows is not called the weakest: chance may have made it so.
ROWS_TO_BE_WEAKEST = 500


def first_results(metrics: dict[str, Any], quality: dict[str, Any]) -> Headline:
    """Return the results that stand for the project."""
    results = [
        against_baselines(metrics, "roc_auc", SHOWN["roc_auc"], TITLES, higher_is_better=True),
        against_baselines(metrics, "log_loss", SHOWN["log_loss"], TITLES, higher_is_better=False),
    ]
    return Headline(results=results, rows=quality["split"]["train"])


def results(
    metrics: dict[str, Any],
    rule: str,
    remarks: Sequence[str],
    importance: pd.DataFrame,
    slices: pd.DataFrame,
    target: str,
) -> str:
    """Return the section with the result, its baselines, the decision and the weak spots.

    `remarks` are more paragraphs, each followed by an empty line.
    """
    models = {"model": metrics["model"], "plain_boosting": metrics["plain_boosting"], **metrics["baselines"]}
    how = "the newest days, which no training step has seen" if metrics["split"] == "time" else "rows drawn by a hash"
    drawn = " (whole days are resampled)" if metrics["split"] == "time" else ""
    top = ", ".join(f"`{name}`" for name in importance["feature"].head(5))
    text = [
        f"Predictions of `{target}` for {metrics['rows']} test rows: {how}. "
        f"In brackets the 95% bootstrap interval{drawn}.",
        "",
        table(
            ["Model", *SHOWN.values()],
            ([TITLES[name], *(cell(result[metric]) for metric in SHOWN)] for name, result in models.items()),
        ),
        "",
        *remarks,
        decision(metrics),
        "",
        f"Mean distance of predicted and observed shares: {metrics['calibration_error']['before']:.3f} before, "
        f"{metrics['calibration_error']['after']:.3f} after calibration. What matters most: {top}.",
        "",
        *weaknesses(metrics, slices),
        "",
        "The rule that is a baseline:",
        "",
        "```",
        *rule.splitlines(),
        "```",
        "",
        "![ROC, precision and recall, and cost by threshold](reports/curves.png)",
        "",
        "![Reliability: observed against predicted shares](reports/reliability.png)",
    ]
    return "\n".join(text)


def decision(metrics: dict[str, Any]) -> str:
    """Say what is decided and what it costs."""
    report, model = metrics["decisions"], metrics["model"]
    if "positive" not in report:
        return f"The most probable class is right for {cell(model['accuracy'])} of the rows."
    costs, classes = report["costs"], report["classes"]
    matrix = zip(classes, report["confusion"], strict=True)
    rows = [[f"**{name}**", *(cell(each) for each in line)] for name, line in matrix]
    parts = [
        f"A missed “{report['positive']}” costs {costs['missed']:g}, a false alarm {costs['false_alarm']:g}: so the "
        f"decision is “{report['positive']}” from a probability of {report['threshold']:.2f} on. It finds "
        f"{model['recall']['value']:.0%} of the cases with {model['false_alarms']['value']:.0%} false alarms among the "
        f"others, and costs {cell(model['cost'])} a row; always saying “{report['positive']}” costs "
        f"{report['cost_always']:.3f}, never {report['cost_never']:.3f}. In hindsight the best threshold would have "
        f"been {report['best_threshold_in_hindsight']:.2f}, at {report['best_cost_in_hindsight']:.3f}.",
        "",
        table(["Truth", *(f"decided “{name}”" for name in classes)], rows),
    ]
    return "\n".join(parts)


def weaknesses(metrics: dict[str, Any], slices: pd.DataFrame) -> list[str]:
    """Say where the model is weak."""
    lines: list[str] = []
    large = slices[slices["rows"] >= min(ROWS_TO_BE_WEAKEST, slices["rows"].max())] if len(slices) else slices
    for column, part in large.groupby("column", sort=False):
        known = part.dropna(subset="roc_auc")
        if len(known) > 1:
            worst = known.iloc[int(known["roc_auc"].to_numpy().argmin())]
            lines.append(
                f"- It orders the rows of `{column!s}` = {worst['group']} worst: ROC AUC {worst['roc_auc']:.3f} on "
                f"{worst['rows']} rows."
            )
    off = large.assign(distance=(large["predicted"] - large["share"]).abs()).dropna(subset="distance")
    if len(off):
        worst = off.iloc[int(off["distance"].to_numpy().argmax())]
        lines.append(
            f"- Its probabilities are furthest off for `{worst['column']}` = {worst['group']}: it expects "
            f"{worst['predicted']:.1%}, and {worst['share']:.1%} came on {worst['rows']} rows."
        )
    if "positive" in metrics["decisions"]:
        precision, recall = (metrics["model"][name]["value"] for name in ("precision", "recall"))
        lines.append(
            f"- Of its alarms {1 - precision:.0%} are false, and it misses {1 - recall:.0%} of the cases: use the "
            "probability where you can, not the decision alone."
        )
    if not lines:
        lines.append("- The groups of test rows in `reports/slices.csv` are too small to tell.")
    return ["Where it is weak:", "", *lines]


def facts(metrics: dict[str, Any], quality: dict[str, Any], best: dict[str, Any], promotion: dict[str, Any]) -> str:
    """Return the section of generated facts for the model card."""
    settings = ", ".join(f"{name} {value:g}" for name, value in best["settings"].items())
    classes = ", ".join(f"{name} {share:.1%}" for name, share in quality["target"].items())
    export = metrics["export"]
    lines = common_facts(quality, promotion) | {
        "Algorithm": f"histogram gradient boosting ({settings}), Platt scaling on out-of-fold scores",
        "Classes": classes,
        "Split": "the newest days for testing" if metrics["split"] == "time" else "by a hash of each row",
        "Export": f"probabilities from ONNX and scikit-learn differ by at most {export['largest_difference']:.1e} "
        f"(allowed {export['tolerance']:g})",
    }
    return table(["", ""], lines.items())
