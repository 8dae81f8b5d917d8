"""The results as Markdown that fits on slides, for slides.md (see `report.py`).

Every figure comes from a file that the pipeline wrote.
"""

from typing import Any

import pandas as pd

from .config import REPORTS
from .deck import bullets, deployment, picture
from .summary import TITLES, share
from .wording import NOT_YET, plain, read, table

SLIDES = ("slide-data", "slide-result", "slide-picture", "slide-errors", "slide-mistakes", "slide-deployment")
# Classes of which the network finds the smallest share.
WORST = 4


def slides() -> dict[str, str]:
    """Return the Markdown of each marked part of the talk; a hint where the pipeline has not run."""
    try:
        metrics, quality, promotion = read("metrics.json"), read("data_quality.json"), read("promotion.json")
        by_class = pd.read_csv(REPORTS / "per_class.csv")
    except (OSError, ValueError):
        return dict.fromkeys(SLIDES, NOT_YET)
    return {
        "slide-data": data(quality),
        "slide-result": result(metrics),
        "slide-picture": picture("gradcam.png", "Grad-CAM: where the network looks"),
        "slide-errors": errors(by_class),
        "slide-mistakes": picture("mistakes.png", "Most confident mistakes"),
        "slide-deployment": deployment(promotion),
    }


def data(quality: dict[str, Any]) -> str:
    """Say how many images there are, and how many are copies of others."""
    height, width, channels = quality["size"]
    split = ", ".join(f"{images:,} {part}" for part, images in quality["split"].items())
    lines = [
        f"{quality['images']:,} images in {len(quality['classes'])} classes: {split}",
        f"{height} x {width} pixels, {'grey' if channels == 1 else 'colour'}",
        f"{quality['duplicates']} are copies of others; copies stay in one part",
    ]
    return bullets(lines)


def result(metrics: dict[str, Any]) -> str:
    """Return the result beside its baselines."""
    models = {"model": metrics["model"], **metrics["baselines"]}
    before, after = metrics["calibration_error"]["before"], metrics["calibration_error"]["after"]
    text = [
        f"{metrics['rows']:,} test images, with the 95% bootstrap interval:",
        "",
        table(["Model", "Accuracy"], ([TITLES[name], share(each["accuracy"])] for name, each in models.items())),
        "",
        f"Stated and real accuracy differ by {before:.3f} before and {after:.3f} after calibration.",
    ]
    return "\n".join(text)


def errors(by_class: pd.DataFrame) -> str:
    """Return the classes that are found least often, and what they are taken for."""
    rows = (
        [
            plain(str(row["class"])),
            f"{row['recall']:.1%} of {row['images']}",
            f"{row['precision']:.1%}",
            f"{plain(str(row['taken_for']))} ({row['times']})" if row["times"] else "nothing",
        ]
        for _, row in by_class.sort_values("recall").head(WORST).iterrows()
    )
    return table(["Class", "Found", "Right when named", "Most often taken for"], rows)
