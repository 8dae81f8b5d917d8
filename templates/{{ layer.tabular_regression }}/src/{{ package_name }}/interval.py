"""Prediction intervals by split conformal prediction.

The model is trained on one part of the data and its errors are measured on another, the calibration part. The interval
is as wide as it must be to hold the wanted share of those errors. If new rows come from the same source, it then holds
at least that share of new true values on average, whatever the model (Lei et al. 2018, "Distribution-free
predictive inference for regression", theorem 2.2).

On the log scale the width is a factor: a large prediction gets a wider interval than a small one.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel

Floats = NDArray[np.float64]


class Interval(BaseModel):
    """A calibrated interval around a prediction.

    Attributes:
        level: Wanted share of true values inside, for example 0.9.
        scale: Where the half-width is measured: `log` (a factor) or `linear` (a distance).
        half_width: On that scale.
    """

    level: float
    scale: Literal["log", "linear"]
    half_width: float

    def around(self, prediction: ArrayLike) -> tuple[Floats, Floats]:
        """Return the lower and the upper end for each prediction, in the target's unit."""
        centre = np.asarray(prediction, dtype=np.float64)
        if self.scale == "log":
            factor = math.exp(self.half_width)
            return centre / factor, centre * factor
        return centre - self.half_width, centre + self.half_width


def calibrate(truth: Floats, prediction: Floats, level: float) -> Interval:
    """Calibrate on both scales and return the interval that is narrower on average.

    The log scale takes part only if all values are positive.

    Args:
        truth: True values, shape (n,); none of them was used in training.
        prediction: Predictions for them, shape (n,).
        level: Wanted share inside, between 0 and 1.

    Raises:
        ValueError: If there are too few rows for the level.
    """
    intervals = [Interval(level=level, scale="linear", half_width=half_width(truth - prediction, level))]
    if truth.min() > 0 and prediction.min() > 0:
        ratios = np.log(truth / prediction)
        intervals.append(Interval(level=level, scale="log", half_width=half_width(ratios, level)))
    return min(intervals, key=lambda interval: float(np.mean(np.subtract(*interval.around(prediction)[::-1]))))


def half_width(errors: Floats, level: float) -> float:
    """Return the ceil((n + 1) * level)-th smallest absolute error; the "+ 1" counts the new row itself.

    Args:
        errors: Errors on the calibration part, shape (n,).
        level: Wanted share inside, between 0 and 1.

    Raises:
        ValueError: If there are too few rows for the level.
    """
    rank = math.ceil((len(errors) + 1) * level)
    if rank > len(errors):
        raise ValueError(f"{len(errors)} calibration rows are too few for an interval of level {level}")
    return float(np.sort(np.abs(errors))[rank - 1])


def coverage(truth: Floats, lower: Floats, upper: Floats) -> float:
    """Share of true values that lie inside their interval."""
    return float(np.mean((lower <= truth) & (truth <= upper)))
