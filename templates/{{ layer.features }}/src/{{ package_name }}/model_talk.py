"""What the talk says about the classifier and its errors. `talk.py` puts it on slides.

Every figure comes from a file that the pipeline wrote.
"""

from typing import Any

import pandas as pd

from .deck import bullets
from .model_results import TITLES, weaknesses
from .table_talk import data
from .wording import cell, table

METRICS = {"roc_auc": "ROC AUC", "log_loss": "Log loss"}


def classes(quality: dict[str, Any]) -> str:
    """Say how much data there is, what it lacks, and how frequent each class is."""
    shares = ", ".join(f"{name} {share:.1%}" for name, share in quality["target"].items())
    return bullets([*data(quality), f"Classes: {shares}"])


def result(metrics: dict[str, Any], target: str) -> str:
    """Return the result beside its baselines, and what is decided by it."""
    models = {"model": metrics["model"], "plain_boosting": metrics["plain_boosting"], **metrics["baselines"]}
    how = "the newest days" if metrics["split"] == "time" else "drawn by a hash"
    text = [
        f"`{target}` for {metrics['rows']:,} test rows, {how}; with the 95% bootstrap interval:",
        "",
        table(
            ["Model", *METRICS.values()],
            ([TITLES[name], *(cell(each[metric]) for metric in METRICS)] for name, each in models.items()),
        ),
        "",
        decision(metrics),
    ]
    return "\n".join(text)


def decision(metrics: dict[str, Any]) -> str:
    """Say in a sentence what is decided, and how well."""
    report, model = metrics["decisions"], metrics["model"]
    if "positive" not in report:
        return f"The most probable class is right for {cell(model['accuracy'])} of the rows."
    return (
        f"Decided “{report['positive']}” from a probability of {report['threshold']:.2f} on, it finds "
        f"{model['recall']['value']:.0%} of the cases and raises a false alarm for "
        f"{model['false_alarms']['value']:.0%} of the others."
    )


def errors(metrics: dict[str, Any], groups: pd.DataFrame) -> str:
    """Say where the model is weak, as the README does."""
    return "\n".join(line for line in weaknesses(metrics, groups) if line.startswith("- "))
