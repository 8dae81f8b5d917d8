"""The pictures in reports/. Each function draws one and writes it as PNG; nothing is shown on a screen."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray
from PIL import Image

from .calibration import Floats
from .config import REPORTS
from .dataset import Part
from .figures import BLUE, DOTS_PER_INCH, GREY, RED, new_figure
from .images import Pixels
from .robustness import STRENGTHS

IMAGES_A_ROW = 8


def training(epochs: Sequence[Mapping[str, float]]) -> None:
    """Draw training.png: losses, accuracy and learning rate by epoch."""
    figure = new_figure(12, 3.6)
    left, middle, right = figure.subplots(1, 3)
    numbers = [each["epoch"] for each in epochs]
    for name, colour in (("train_loss", GREY), ("validation_loss", BLUE)):
        left.plot(numbers, [each[name] for each in epochs], "o-", color=colour, label=name, markersize=3)
    middle.plot(numbers, [each["validation_accuracy"] for each in epochs], "o-", color=BLUE, markersize=3)
    right.plot(numbers, [each["learning_rate"] for each in epochs], "o-", color=BLUE, markersize=3)
    left.set(xlabel="epoch", title="Loss (training: smoothed labels)")
    left.legend()
    middle.set(xlabel="epoch", title="Accuracy on the validation images")
    right.set(xlabel="epoch", title="Learning rate")
    figure.savefig(REPORTS / "training.png", dpi=DOTS_PER_INCH)


def reliability(tables: Mapping[str, pd.DataFrame]) -> None:
    """Draw reliability.png: real against stated accuracy, before and after calibration; the diagonal keeps its word."""
    figure = new_figure(5.2, 4.8)
    axes = figure.subplots()
    start = min(table[["predicted", "observed"]].to_numpy().min() for table in tables.values()) * 0.95
    axes.plot([start, 1], [start, 1], color=GREY, linewidth=1)
    for (name, table), colour in zip(tables.items(), (RED, BLUE), strict=True):
        axes.plot(table["predicted"], table["observed"], "o-", color=colour, label=f"{name} calibration", markersize=4)
    axes.set(
        xlabel="stated probability", ylabel="share that is right", title="Reliability (equally many images a point)"
    )
    axes.legend()
    figure.savefig(REPORTS / "reliability.png", dpi=DOTS_PER_INCH)


def confusion(counts: NDArray[np.int64], classes: list[str]) -> None:
    """Draw confusion.png; the shade is the share of a true class."""
    figure = new_figure(0.62 * len(classes) + 2.4, 0.55 * len(classes) + 1.8)
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > 0.6 else "black"
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=colour, fontsize=8)
    places = range(len(classes))
    axes.set(
        xticks=places, yticks=places, yticklabels=classes, xlabel="named", ylabel="truth", title="Confusion matrix"
    )
    axes.set_xticklabels(classes, rotation=60, ha="right")
    figure.savefig(REPORTS / "confusion.png", dpi=DOTS_PER_INCH)


def robustness(table: pd.DataFrame) -> None:
    """Draw robustness.png: accuracy by strength of each kind of change."""
    figure = new_figure(11, 3.4)
    for axes, (kind, (unit, _)) in zip(figure.subplots(1, len(STRENGTHS), sharey=True), STRENGTHS.items(), strict=True):
        rows = table[table["kind"] == kind]
        axes.plot(rows["strength"], rows["accuracy"], "o-", color=BLUE)
        axes.set(xlabel=unit, title=kind, ylim=(0, 1))
    figure.savefig(REPORTS / "robustness.png", dpi=DOTS_PER_INCH)


def mistakes(test: Part, predicted: Floats, chosen: NDArray[np.int64]) -> None:
    """Draw mistakes.png: the wrong answers that the network is surest of."""
    rows = max(1, -(-len(chosen) // IMAGES_A_ROW))
    figure = new_figure(1.5 * IMAGES_A_ROW, 1.95 * rows + 0.5)
    panels = figure.subplots(rows, IMAGES_A_ROW, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for axes, place in zip(panels.flat, chosen, strict=False):
        named = int(predicted[place].argmax())
        text = f"{test.classes[named]} {predicted[place, named]:.0%}\nis: {test.classes[test.labels[place]]}"
        show(axes, test.images[place])
        axes.set_title(text, fontsize=8)
    figure.suptitle("Most confident mistakes: what was named, how sure, and what it is")
    figure.savefig(REPORTS / "mistakes.png", dpi=DOTS_PER_INCH)


def gradcam(test: Part, predicted: Floats, chosen: NDArray[np.int64], maps: NDArray[np.float32]) -> None:
    """Draw gradcam.png: one image of each class, and where the network looks.

    Args:
        test: Images and classes.
        predicted: Probabilities, shape (n, classes).
        chosen: The images to show.
        maps: For each of them, shape (rows, columns), from 0 to 1.
    """
    figure = new_figure(1.35 * len(chosen), 3.3)
    panels = figure.subplots(2, len(chosen), squeeze=False)
    height, width = test.images.shape[1:3]
    for column, (place, one) in enumerate(zip(chosen, maps, strict=True)):
        upper, lower = panels[0, column], panels[1, column]
        named = int(predicted[place].argmax())
        show(upper, test.images[place])
        upper.set_title(f"{test.classes[named]}\n{predicted[place, named]:.0%}", fontsize=8)
        show(lower, test.images[place])
        large = Image.fromarray(one).resize((width, height), Image.Resampling.BILINEAR)
        lower.imshow(np.asarray(large), cmap="inferno", alpha=0.6, vmin=0, vmax=1)
    figure.suptitle("Grad-CAM: where the evidence for the named class lies")
    figure.savefig(REPORTS / "gradcam.png", dpi=DOTS_PER_INCH)


def show(axes: Axes, image: Pixels) -> None:
    """Show one image without axes."""
    axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255)
    axes.axis("off")
