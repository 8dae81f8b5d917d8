"""The results as Markdown, for README.md and MODEL_CARD.md (see `report.py`).

Every figure comes from a file that the pipeline or the replay wrote.
"""

from typing import Any

import pandas as pd

from .config import REPORTS
from .facts import data_facts
from .model_results import facts, first_results, results
from .project_file import Headline
from .wording import NOT_YET, number, read, table


def sections() -> dict[str, str]:
    """Return the Markdown of each marked section; a hint where the pipeline has not run."""
    try:
        metrics, quality, trials = read("metrics.json"), read("data_quality.json"), read("search.json")
        promotion = read("promotion.json")
        slices = pd.read_csv(REPORTS / "slices.csv")
        importance = pd.read_csv(REPORTS / "importance.csv")
    except (OSError, ValueError):
        return dict.fromkeys(("results", "facts", "data", "replay"), NOT_YET)
    try:
        played = replay(read("replay.json"))
    except (OSError, ValueError):
        played = "_Not played yet: run `uv run poe replay`._"
    return {
        "results": results(metrics, trials["rule"], [], importance, slices, promotion["target"]),
        "facts": facts(metrics, quality, trials["best"], promotion),
        "data": table(["", ""], data_facts(quality).items()),
        "replay": played,
    }


def headline() -> Headline:
    """Return the results that stand for the project.

    Raises:
        OSError: Before the first run.
    """
    return first_results(read("metrics.json"), read("data_quality.json"))


def replay(story: dict[str, Any]) -> str:
    """Return the story of a replay."""
    weeks = story["weeks"]
    alarms = sum(week["status"] == "alarm" for week in weeks)
    later = [week for week in weeks if week["model"] != weeks[0]["model"]]
    flights = sum(week["rows"] for week in weeks)
    text = [
        f"{len(weeks)} weeks with {flights:,} flights, played in {story['seconds']:.0f} seconds; "
        f"monitoring raised an alarm after {alarms} of them. Of {story['requests_while_playing']:,} requests that came "
        f"all the while, also during the swaps, {story['failed']} failed.",
        "",
        "![ROC AUC by week, with and without retraining](reports/replay.png)",
        "",
        *by_month(weeks),
        "",
    ]
    if later:
        served, frozen, loss, frozen_loss = (
            mean(later, name) for name in ("roc_auc", "roc_auc_without", "log_loss", "log_loss_without")
        )
        text += [
            f"Since the first swap ({later[0]['week']}) the weekly ROC AUC is {served:.3f} on average and the log loss "
            f"{loss:.3f}; the first model would have had {frozen:.3f} and {frozen_loss:.3f}.",
            "",
        ]
    text += [
        f"- {event['day']}, {event['kind']}: **{event['verdict']}**, {event['reason']}" for event in story["events"]
    ]
    return "\n".join(text)


def by_month(weeks: list[dict[str, Any]]) -> list[str]:
    """Return a table with a row for each month in which a week begins."""
    months: dict[str, list[dict[str, Any]]] = {}
    for week in weeks:
        months.setdefault(week["week"][:7], []).append(week)
    names = ("roc_auc", "roc_auc_without", "log_loss", "log_loss_without", "observed", "predicted", "predicted_without")
    rows = [
        [month, *(number(mean(part, name)) for name in names), str(sum(week["status"] == "alarm" for week in part))]
        for month, part in months.items()
    ]
    again = "never retrained"
    headers = ["Month", "ROC AUC", again, "log loss", again, "late", "predicted", again, "weeks with an alarm"]
    return [table(headers, rows)]


def mean(weeks: list[dict[str, Any]], name: str) -> float:
    """Return the mean of weeks, each as heavy as it has rows."""
    rows = sum(week["rows"] for week in weeks)
    return float(sum(week[name] * week["rows"] for week in weeks) / rows)
