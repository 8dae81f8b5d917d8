"""The results as Markdown that fits on slides, for slides.md (see `report.py`).

Every figure comes from a file that the pipeline or the replay wrote.
"""

from typing import Any

import pandas as pd

from .config import REPORTS
from .deck import bullets, deployment, picture
from .model_talk import classes, errors, result
from .summary import mean
from .wording import NOT_YET, read

SLIDES = (
    "slide-data",
    "slide-result",
    "slide-curves",
    "slide-replay",
    "slide-picture",
    "slide-errors",
    "slide-deployment",
)
NOT_PLAYED = "_Not played yet: run `uv run poe replay`._"


def slides() -> dict[str, str]:
    """Return the Markdown of each marked part of the talk; a hint where the pipeline or the replay has not run."""
    try:
        metrics, quality, promotion = read("metrics.json"), read("data_quality.json"), read("promotion.json")
        groups = pd.read_csv(REPORTS / "slices.csv")
    except (OSError, ValueError):
        return dict.fromkeys(SLIDES, NOT_YET)
    try:
        played = replay(read("replay.json"))
        drawn = picture("replay.png", "ROC AUC by week, with and without retraining")
    except (OSError, ValueError):
        played = drawn = NOT_PLAYED
    return {
        "slide-data": classes(quality),
        "slide-result": result(metrics, promotion["target"]),
        "slide-curves": picture("curves.png", "ROC, precision and recall, and cost by threshold"),
        "slide-replay": played,
        "slide-picture": drawn,
        "slide-errors": errors(metrics, groups),
        "slide-deployment": deployment(promotion),
    }


def replay(story: dict[str, Any]) -> str:
    """Return what happened while months were played against the service."""
    weeks = story["weeks"]
    alarms = sum(week["status"] == "alarm" for week in weeks)
    later = [week for week in weeks if week["model"] != weeks[0]["model"]]
    lines = [
        f"{len(weeks)} weeks with {sum(week['rows'] for week in weeks):,} flights; an alarm after {alarms} of them",
        f"{story['requests_while_playing']:,} requests all the while, also during the swaps; {story['failed']} failed",
    ]
    if later:
        served, frozen, loss, frozen_loss = (
            mean(later, name) for name in ("roc_auc", "roc_auc_without", "log_loss", "log_loss_without")
        )
        lines.append(
            f"Since the first swap ({later[0]['week']}): weekly ROC AUC {served:.3f}, log loss {loss:.3f}; the first "
            f"model would have had {frozen:.3f} and {frozen_loss:.3f}"
        )
    return bullets(lines)
