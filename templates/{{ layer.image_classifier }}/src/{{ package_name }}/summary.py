"""The results as Markdown, for README.md, MODEL_CARD.md and LEARN.md (see `report.py`).

Every figure comes from a file that the pipeline wrote.
"""

from statistics import median
from typing import Any

import pandas as pd

from .config import REPORTS
from .project_file import Headline, against_baselines
from .robustness import STRENGTHS
from .wording import NOT_YET, file_facts, origin_facts, read, table

TITLES = {
    "model": "**The network**",
    "logistic": "Logistic regression on pixels (baseline)",
    "centroid": "Nearest mean image (baseline)",
}


def sections() -> dict[str, str]:
    """Return the Markdown of each marked section; a hint where the pipeline has not run."""
    try:
        metrics, quality, training = read("metrics.json"), read("data_quality.json"), read("training.json")
        promotion = read("promotion.json")
        by_class = pd.read_csv(REPORTS / "per_class.csv")
        strengths = pd.read_csv(REPORTS / "robustness.csv")
    except (OSError, ValueError):
        return dict.fromkeys(("results", "robustness", "facts", "data"), NOT_YET)
    return {
        "results": results(metrics, by_class, quality, training),
        "robustness": robustness_table(strengths),
        "facts": facts(metrics, quality, training, promotion),
        "data": data_facts(quality),
    }


def headline() -> Headline:
    """Return the results that stand for the project.

    Raises:
        OSError: Before the first run.
    """
    result = against_baselines(
        read("metrics.json"),
        "accuracy",
        "Accuracy",
        TITLES,
        higher_is_better=True,
        rounding=lambda share: round(100 * share, 2),
        unit="%",
    )
    return Headline(results=[result], rows=read("data_quality.json")["split"]["train"])


def share(result: dict[str, float]) -> str:
    """Write a share with its interval."""
    return f"{result['value']:.2%} ({result['low']:.2%} to {result['high']:.2%})"


def results(metrics: dict[str, Any], by_class: pd.DataFrame, quality: dict[str, Any], training: dict[str, Any]) -> str:
    """Return the section with the result, its baselines, and the weak spots."""
    models = {"model": metrics["model"], **metrics["baselines"]}
    worst = by_class.iloc[int(by_class["recall"].to_numpy().argmin())]
    errors = metrics["calibration_error"]
    seconds = median(epoch["epoch_seconds"] for epoch in training["epochs"])
    text = [
        f"{metrics['rows']} test images that no training step has seen, in {len(quality['classes'])} classes; trained "
        f"on {quality['split']['train']} images for {len(training['epochs'])} epochs of {seconds:.0f} seconds (median "
        "time). In brackets the 95% bootstrap interval.",
        "",
        table(["Model", "Accuracy"], ([TITLES[name], share(each["accuracy"])] for name, each in models.items())),
        "",
        f"The true class is among the three most probable ones for {share(metrics['model']['top_3'])}. Stated and real "
        f"accuracy differ by {errors['before']:.3f} before and {errors['after']:.3f} after calibration (expected "
        f"calibration error, temperature {metrics['temperature']:.2f}).",
        "",
        f"Weakest class: {worst['class']}. Of its images {worst['recall']:.1%} are found; most of the others are taken "
        f"for {worst['taken_for']} ({worst['times']:.0f} of {worst['images']:.0f}).",
        "",
        table(
            ["Class", "Test images", "Precision", "Recall", "F1", "Most often taken for"],
            (
                [
                    str(row["class"]),
                    f"{row['images']}",
                    f"{row['precision']:.3f}",
                    f"{row['recall']:.3f}",
                    f"{row['f1']:.3f}",
                    f"{row['taken_for']} ({row['times']})" if row["times"] else "nothing",
                ]
                for _, row in by_class.iterrows()
            ),
        ),
        "",
        "![Most confident mistakes](reports/mistakes.png)",
        "",
        "![Grad-CAM: where the network looks](reports/gradcam.png)",
        "",
        "![Confusion matrix](reports/confusion.png)",
        "",
        "![Loss, accuracy and learning rate by epoch](reports/training.png)",
    ]
    return "\n".join(text)


def robustness_table(strengths: pd.DataFrame) -> str:
    """Return the table of what worse images cost."""
    rows = []
    for kind, (unit, _) in STRENGTHS.items():
        some = strengths[strengths["kind"] == kind]
        cells = [f"{row['accuracy']:.1%} at {row['strength']:g}" for _, row in some.iterrows()]
        rows.append([kind, unit, *cells])
    steps = max(len(row) for row in rows) - 2
    header = ["Change", "Strength in", "none", *(["stronger"] * (steps - 1))]
    return table(header, rows) + "\n\n![Accuracy by strength of the change](reports/robustness.png)"


def facts(metrics: dict[str, Any], quality: dict[str, Any], training: dict[str, Any], promotion: dict[str, Any]) -> str:
    """Return the section of generated facts for the model card."""
    export = metrics["export"]
    height, width, channels = quality["size"]
    split = ", ".join(f"{images} {part}" for part, images in quality["split"].items())
    lines = origin_facts(promotion) | {
        "Network": f"{training['weights']:,} weights; best after epoch {training['best_epoch']} of "
        f"{len(training['epochs'])}",
        "Input": f"{height} x {width} pixels, {'grey' if channels == 1 else 'colour'}",
        "Images": f"{quality['images']} ({split})",
        "Classes": ", ".join(quality["classes"]),
        "Copies": f"{quality['duplicates']} images are copies of others, {quality['test_images_also_in_training']} "
        f"of them of test images in training; {quality['equal_images_of_different_classes']} images have two classes",
        "Export": f"logits from ONNX and PyTorch differ by at most {export['largest_difference']:.1e} "
        f"(allowed {export['tolerance']:g})",
    }
    return table(["", ""], lines.items())


def data_facts(quality: dict[str, Any]) -> str:
    """Return the section of generated facts for the data card."""
    height, width, channels = quality["size"]
    totals = {name: sum(parts.values()) for name, parts in quality["classes"].items()}
    lines = file_facts() | {
        "Images": f"{quality['images']:,}, of {height} x {width} pixels, {'grey' if channels == 1 else 'colour'}",
        "Classes": ", ".join(f"{name} {images}" for name, images in totals.items()),
        "Copies": f"{quality['duplicates']} images are copies of others, {quality['test_images_also_in_training']} "
        f"of them of test images in training; {quality['equal_images_of_different_classes']} images have two classes",
        "Of one colour": f"{quality['of_one_colour']}",
        "Files that are no images": f"{len(quality['ignored_files'])}",
    }
    return table(["", ""], lines.items())
