"""The results as Markdown, for README.md, MODEL_CARD.md and LEARN.md (see `report.py`).

Every figure comes from a file that the pipeline wrote.
"""

from typing import Any

import pandas as pd

from .config import REPORTS
from .facts import data_facts
from .model_results import SHOWN, facts, first_results, results
from .project_file import Headline
from .wording import NOT_YET, number, read, table

VARIANTS = {
    "random_split": "rows split at random instead of by time: the model is tested on days that it knows",
    "with_leaks": "with the columns that are known too late (but not those that the target is made from)",
    "stale_past": "the same model, its counts of the past not kept up to date after training",
    "balanced": "classes reweighted to be equally frequent",
}


def sections() -> dict[str, str]:
    """Return the Markdown of each marked section; a hint where the pipeline has not run."""
    try:
        metrics, quality, trials = read("metrics.json"), read("data_quality.json"), read("search.json")
        promotion, ablation = read("promotion.json"), read("ablation.json")
        slices = pd.read_csv(REPORTS / "slices.csv")
        importance = pd.read_csv(REPORTS / "importance.csv")
    except (OSError, ValueError):
        return dict.fromkeys(("results", "ablation", "leakage", "facts", "data"), NOT_YET)
    return {
        "results": results(metrics, trials["rule"], at_random(ablation), importance, slices, promotion["target"]),
        "ablation": ablation_table(ablation),
        "leakage": leakage(ablation),
        "facts": facts(metrics, quality, trials["best"], promotion),
        "data": table(["", ""], data_facts(quality).items()),
    }


def headline() -> Headline:
    """Return the results that stand for the project.

    Raises:
        OSError: Before the first run.
    """
    return first_results(read("metrics.json"), read("data_quality.json"))


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
