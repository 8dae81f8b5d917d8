"""Measures of classification. `evaluate.py` reports them, `promote.py` decides by one of them.

Truth holds the place of each image's class, shape (n,); predictions hold probabilities, shape (n, classes).
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .bootstrap import Metric
from .calibration import Floats
from .dataset import Labels

# Promotion compares models by this one.
DECISIVE, DECISIVE_NAME = "error_rate", "error rate"
RELIABILITY_BINS = 15


def accuracy(truth: Labels, predicted: Floats) -> float:
    """Return the share of images whose most probable class is the true one."""
    return float(np.mean(predicted.argmax(axis=1) == truth))


def error_rate(truth: Labels, predicted: Floats) -> float:
    """Return the share of the others."""
    return 1 - accuracy(truth, predicted)


def top_3(truth: Labels, predicted: Floats) -> float:
    """Return the share of images whose true class is among the three most probable ones."""
    chosen = predicted[np.arange(len(truth)), truth]
    return float(np.mean((predicted > chosen[:, np.newaxis]).sum(axis=1) < 3))


def log_loss(truth: Labels, predicted: Floats) -> float:
    """Return the mean of -log(probability of the true class)."""
    chosen = predicted[np.arange(len(truth)), truth]
    return float(-np.mean(np.log(np.maximum(chosen, np.finfo(np.float64).eps))))


METRICS: dict[str, Metric] = {"accuracy": accuracy, "error_rate": error_rate, "top_3": top_3, "log_loss": log_loss}
# What can be said of a baseline that names a class and no probabilities.
CLASS_METRICS: dict[str, Metric] = {"accuracy": accuracy, "error_rate": error_rate}


def confusion(truth: Labels, decided: Labels, classes: int) -> NDArray[np.int64]:
    """Count images by true and by named class, shape (classes, classes)."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (truth, decided), 1)
    return counts


def per_class(counts: NDArray[np.int64], classes: list[str]) -> pd.DataFrame:
    """Return precision, recall and F1 of each class, and what it is taken for most often.

    Args:
        counts: The confusion matrix.
        classes: Names.
    """
    right = np.diag(counts)
    named, true = counts.sum(axis=0), counts.sum(axis=1)
    precision, recall = right / np.maximum(named, 1), right / np.maximum(true, 1)
    wrong = counts - np.diag(right)
    return pd.DataFrame(
        {
            "class": classes,
            "images": true,
            "precision": precision,
            "recall": recall,
            "f1": 2 * right / np.maximum(named + true, 1),
            "taken_for": [classes[place] for place in wrong.argmax(axis=1)],
            "times": wrong.max(axis=1),
        }
    )


def reliability(truth: Labels, predicted: Floats) -> pd.DataFrame:
    """Compare stated and real accuracy in bins of equally many images, ordered by the highest probability."""
    sure = predicted.max(axis=1)
    order = np.argsort(sure, kind="stable")
    right = predicted.argmax(axis=1) == truth
    bins = [each for each in np.array_split(order, RELIABILITY_BINS) if len(each)]
    return pd.DataFrame(
        {
            "predicted": [float(sure[each].mean()) for each in bins],
            "observed": [float(right[each].mean()) for each in bins],
            "images": [len(each) for each in bins],
        }
    )


def calibration_error(table: pd.DataFrame) -> float:
    """Return the mean distance of stated and real accuracy, weighted by images (expected calibration error)."""
    distance = (table["predicted"] - table["observed"]).abs()
    return float((distance * table["images"]).sum() / table["images"].sum())
