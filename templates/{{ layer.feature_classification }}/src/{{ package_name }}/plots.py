"""The pictures that only this stage has. Each function draws one and writes it as PNG; nothing is shown on a screen."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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


def curves(truth: Codes, predicted: Floats, others: Mapping[str, Floats], policy: Policy, path: Path) -> None:
    """Draw ROC, precision and recall, and the cost by threshold; with more than two classes ROC for each class."""
    figure = new_figure(13, 4)
    left, middle, right = figure.subplots(1, 3)
    positive = policy.positive
    if positive is None or policy.threshold is None:
        for place, name in enumerate(policy.classes):
            false, true, _ = roc_curve(truth == place, predicted[:, place])
            left.plot(false, true, label=name)
            precision, recall, _ = precision_recall_curve(truth == place, predicted[:, place])
            middle.plot(recall, precision, label=name)
        highest = predicted.max(axis=1)
        right.hist(highest, bins=20, color=BLUE)
        right.set(xlabel="highest probability", ylabel="rows", title="How sure is it?")
    else:
        shown = {"model": predicted, **{name: others[name] for name in ("plain", "logistic")}}
        labels = {"model": "model", "plain": "boosting on the raw join", "logistic": "logistic regression"}
        happened = truth == positive
        for (name, each), colour in zip(shown.items(), (BLUE, RED, GREY), strict=True):
            false, true, _ = roc_curve(happened, each[:, positive])
            left.plot(false, true, color=colour, label=labels[name])
            precision, recall, _ = precision_recall_curve(happened, each[:, positive])
            middle.plot(recall, precision, color=colour, label=labels[name])
        thresholds = np.linspace(0.02, 0.98, 97)
        decided = [np.where(predicted[:, positive] >= t, positive, 1 - positive) for t in thresholds]
        right.plot(thresholds, [policy.cost(truth, each) for each in decided], color=BLUE)
        right.axvline(policy.threshold, color=GREY, linewidth=1, label=f"threshold {policy.threshold:.2f}")
        right.set(xlabel="threshold", ylabel="mean cost of a row", title="What decisions cost")
        right.legend()
    left.plot([0, 1], [0, 1], color=GREY, linewidth=1)
    left.set(xlabel="false alarms", ylabel="recall", title="ROC")
    middle.set(xlabel="recall", ylabel="precision", title="Precision and recall")
    left.legend()
    middle.legend()
    figure.savefig(path, dpi=DOTS_PER_INCH)


def ablation(groups: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw what each feature group earns: the loss of ROC AUC without it, with its interval."""
    ordered = sorted(groups, key=lambda row: -row["difference"]["value"])
    figure = new_figure(7, 0.35 * len(ordered) + 1.3)
    axes = figure.subplots()
    places = range(len(ordered))
    lost = [-row["difference"]["value"] for row in ordered]
    axes.barh(places, lost, color=BLUE)
    axes.hlines(
        places,
        [-row["difference"]["high"] for row in ordered],
        [-row["difference"]["low"] for row in ordered],
        color=GREY,
        linewidth=2,
    )
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set(yticks=places, yticklabels=[row["group"] for row in ordered], xlabel="ROC AUC lost without the group")
    axes.set_title("What each feature group earns (95% interval)")
    figure.savefig(path, dpi=DOTS_PER_INCH)
