"""The results as Markdown, for README.md, MODEL_CARD.md and LEARN.md (see `report.py`).

Every figure comes from a file that the pipeline wrote.
"""

from typing import Any

import pandas as pd

from .config import REPORTS
from .facts import common_facts
from .wording import NOT_YET, cell, number, read, table

TITLES = {
    "model": "**Gradient boosting on engineered features**",
    "plain_boosting": "Gradient boosting on the raw join",
    "logistic": "Logistic regression on the raw join (baseline)",
    "rule": "One rule of two questions (baseline)",
    "prior": "Shares of the classes (baseline)",
}
SHOWN = {"roc_auc": "ROC AUC", "average_precision": "Average precision", "brier": "Brier score", "log_loss": "Log loss"}
VARIANTS = {
    "random_split": "rows split at random instead of by time: the model is tested on days that it knows",
    "with_leaks": "with the columns that are known too late (but not those that the target is made from)",
    "stale_past": "the same model, its counts of the past not kept up to date after training",
    "balanced": "classes reweighted to be equally frequent",
}
# A group of fewer test rows is not called the weakest: chance may have made it so.
ROWS_TO_BE_WEAKEST = 500


def sections() -> dict[str, str]:
    """Return the Markdown of each marked section; a hint where the pipeline has not run."""
    try:
        metrics, quality, trials = read("metrics.json"), read("data_quality.json"), read("search.json")
        promotion, ablation = read("promotion.json"), read("ablation.json")
        slices = pd.read_csv(REPORTS / "slices.csv")
        importance = pd.read_csv(REPORTS / "importance.csv")
    except (OSError, ValueError):
        return dict.fromkeys(("results", "ablation", "leakage", "facts"), NOT_YET)
    return {
        "results": results(metrics, trials["rule"], ablation, importance, slices, promotion["target"]),
        "ablation": ablation_table(ablation),
        "leakage": leakage(ablation),
        "facts": facts(metrics, quality, trials["best"], promotion),
    }


def results(
    metrics: dict[str, Any],
    rule: str,
    ablation: dict[str, Any],
    importance: pd.DataFrame,
    slices: pd.DataFrame,
    target: str,
) -> str:
    """Return the section with the result, its baselines, the decision and the weak spots."""
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
        *at_random(ablation),
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


def at_random(ablation: dict[str, Any]) -> list[str]:
    """Say what a random split would have shown, where the split is by time."""
    if "random_split" not in ablation["variants"]:
        return []
    honest, shown = ablation["full"]["roc_auc"], ablation["variants"]["random_split"]["roc_auc"]
    return [
        f"On rows split at random the same model would show a ROC AUC of {shown:.3f} instead of {honest:.3f}: it would "
        "be tested on days that it knows.",
        "",
    ]


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


def ablation_table(ablation: dict[str, Any]) -> str:
    """Return the table of what each feature group earns."""
    if not ablation["groups"]:
        return "All features come from the same table, so there is no group to leave out."
    full = ablation["full"]
    rows = [["nothing", "", *(number(full[name]) for name in SHOWN), ""]]
    for row in sorted(ablation["groups"], key=lambda each: each["difference"]["value"]):
        lost = row["difference"]
        change = f"{lost['value']:+.4f} ({lost['low']:+.4f} to {lost['high']:+.4f})"
        rows.append([f"`{row['group']}`", str(row["features"]), *(number(row[name]) for name in SHOWN), change])
    certain = [f"`{row['group']}`" for row in ablation["groups"] if row["difference"]["high"] < 0]
    doubtful = [f"`{row['group']}`" for row in ablation["groups"] if row["difference"]["high"] >= 0]
    text = [
        "The model without one group of features, judged on the same test rows, before calibration:",
        "",
        table(["Left out", "Features", *SHOWN.values(), "ROC AUC against the full model"], rows),
        "",
        f"Earn their place beyond doubt: {', '.join(certain) or 'none'}. "
        f"May be left out as far as these test rows can tell: {', '.join(doubtful) or 'none'}.",
        "",
        "![What each feature group earns](reports/ablation.png)",
    ]
    return "\n".join(text)


def leakage(ablation: dict[str, Any]) -> str:
    """Return the section about shortcuts: what they would have pretended."""
    rows = [["**as it is**", *(number(ablation["full"][name]) for name in SHOWN)]]
    rows += [
        [title, *(number(ablation["variants"][name][metric]) for metric in SHOWN)]
        for name, title in VARIANTS.items()
        if name in ablation["variants"]
    ]
    text = [table(["The same model, before calibration", *SHOWN.values()], rows)]
    if ablation["leaks"]:
        text += ["", "Known too late, and kept from the model:", ""]
        text += [f"- `{name}`: {reason}" for name, reason in ablation["leaks"].items()]
    return "\n".join(text)


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
