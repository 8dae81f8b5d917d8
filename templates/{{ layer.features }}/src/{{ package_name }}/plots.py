"""The pictures that only this stage has. Each function draws one and writes it as PNG; nothing is shown on a screen."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from .decision import Codes, Policy
from .figures import BLUE, DOTS_PER_INCH, GREY, RED, new_figure

Floats = NDArray[np.float64]


def reliability(tables: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Draw observed against predicted shares, before and after calibration; the diagonal keeps its word."""
    figure = new_figure(5.2, 4.8)
    axes = figure.subplots()
    end = max(table[["predicted", "observed"]].to_numpy().max() for table in tables.values()) * 1.05
    axes.plot([0, end], [0, end], color=GREY, linewidth=1)
    for (name, table), colour in zip(tables.items(), (RED, BLUE), strict=True):
        axes.plot(table["predicted"], table["observed"], "o-", color=colour, label=f"{name} calibration", markersize=4)
    axes.set(xlabel="predicted probability", ylabel="observed share", title="Reliability (equally many rows a point)")
    axes.legend()
    figure.savefig(path, dpi=DOTS_PER_INCH)


def confusion(counts: NDArray[np.int64], classes: list[str], folder: Path) -> None:
    """Draw the confusion matrix; the shade is the share of a true class."""
    figure = new_figure(1.2 * len(classes) + 2.4, 1.0 * len(classes) + 1.8)
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*counts.shape):
        colour = "white" if shares[row, column] > 0.6 else "black"
        text = f"{counts[row, column]:,}\n{shares[row, column]:.0%}"
        axes.text(column, row, text, ha="center", va="center", color=colour)
    places = range(len(classes))
    axes.set(xticks=places, yticks=places, xticklabels=classes, yticklabels=classes)
    axes.set(xlabel="decision", ylabel="truth", title="Confusion matrix")
    figure.savefig(folder / "confusion.png", dpi=DOTS_PER_INCH)


def curves(
    truth: Codes, predicted: Floats, others: Mapping[str, Floats], costs: pd.DataFrame, policy: Policy, path: Path
) -> None:
    """Draw ROC, precision and recall, and the cost by threshold; with more than two classes a line for each class.

    Args:
        truth: True classes, shape (n,).
        predicted: Probabilities of the model, shape (n, classes).
        others: Those of `plain` and `logistic`, for comparison.
        costs: Mean cost of a row for each threshold; empty for more than two classes.
        policy: Has the classes and the threshold.
        path: Where the picture goes.
    """
    figure = new_figure(13, 4)
    left, middle, right = figure.subplots(1, 3)
    positive = policy.positive
    if positive is None:
        lines = [(name, truth == place, predicted[:, place], f"C{place}") for place, name in enumerate(policy.classes)]
        right.hist(predicted.max(axis=1), bins=20, color=BLUE)
        right.set(xlabel="highest probability", ylabel="rows", title="How sure is it?")
    else:
        models = {
            "model": (predicted, BLUE),
            "boosting on the raw join": (others["plain"], RED),
            "logistic regression": (others["logistic"], GREY),
        }
        lines = [(name, truth == positive, each[:, positive], colour) for name, (each, colour) in models.items()]
        right.plot(costs["threshold"], costs["cost"], color=BLUE)
        right.axvline(policy.threshold, color=GREY, linewidth=1, label=f"threshold {policy.threshold:.2f}")
        right.set(xlabel="threshold", ylabel="mean cost of a row", title="What decisions cost")
        right.legend()
    for name, happened, chance, colour in lines:
        false, true, _ = roc_curve(happened, chance)
        left.plot(false, true, color=colour, label=name)
        precision, recall, _ = precision_recall_curve(happened, chance)
        middle.plot(recall, precision, color=colour, label=name)
    left.plot([0, 1], [0, 1], color=GREY, linewidth=1)
    left.set(xlabel="false alarms", ylabel="recall", title="ROC")
    middle.set(xlabel="recall", ylabel="precision", title="Precision and recall")
    left.legend()
    middle.legend()
    figure.savefig(path, dpi=DOTS_PER_INCH)
