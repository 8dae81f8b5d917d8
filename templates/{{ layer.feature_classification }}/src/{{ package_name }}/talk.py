"""The results as Markdown that fits on slides, for slides.md (see `report.py`).

Every figure comes from a file that the pipeline wrote.
"""

import pandas as pd

from .config import REPORTS
from .deck import deployment, picture
from .model_talk import classes, errors, result
from .summary import at_random
from .wording import NOT_YET, read

SLIDES = ("slide-data", "slide-result", "slide-picture", "slide-features", "slide-errors", "slide-deployment")


def slides() -> dict[str, str]:
    """Return the Markdown of each marked part of the talk; a hint where the pipeline has not run."""
    try:
        metrics, quality, promotion = read("metrics.json"), read("data_quality.json"), read("promotion.json")
        ablation = read("ablation.json")
        groups = pd.read_csv(REPORTS / "slices.csv")
    except (OSError, ValueError):
        return dict.fromkeys(SLIDES, NOT_YET)
    return {
        "slide-data": classes(quality),
        "slide-result": result(metrics, promotion["target"]),
        "slide-picture": picture("curves.png", "ROC, precision and recall, and cost by threshold"),
        "slide-features": "\n".join([*at_random(ablation), picture("ablation.png", "What each feature group earns")]),
        "slide-errors": errors(metrics, groups),
        "slide-deployment": deployment(promotion),
    }
