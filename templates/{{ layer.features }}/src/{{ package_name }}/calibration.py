"""From scores to probabilities that keep their word: of the rows with 30%, three in ten.

Platt scaling (Platt 1999): a logistic regression on the score of each class. It is fitted on scores that each training
row got from a model which had not seen its day (`train.out_of_fold_scores`), so on all seasons: calibrated on a few
weeks before the test alone, the model would take their season for the truth. With more than two classes the results
are divided by their sum (Zadrozny and Elkan 2002).
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

Floats = NDArray[np.float64]


class Calibration(BaseModel):
    """Slope and intercept of the logistic curve of each class; of two classes only the second has one."""

    slopes: list[float]
    intercepts: list[float]

    def probabilities(self, scores: Floats) -> Floats:
        """Turn scores of shape (rows, classes) into probabilities of the same shape."""
        if len(self.slopes) == 1:
            second = logistic(self.slopes[0] * scores[:, 1] + self.intercepts[0])
            return np.column_stack([1 - second, second])
        each = logistic(np.array(self.slopes) * scores + np.array(self.intercepts))
        normalised: Floats = each / each.sum(axis=1, keepdims=True)
        return normalised


def logistic(values: Floats) -> Floats:
    """Return 1 / (1 + exp(-value)), also where exp would overflow."""
    result: Floats = 0.5 * (1 + np.tanh(values / 2))
    return result


def uncalibrated(scores: Floats) -> Floats:
    """Return the probabilities that scores mean by themselves: trees are fitted on the logistic scale (softmax)."""
    if scores.shape[1] == 2:
        return np.column_stack([logistic(scores[:, 0]), logistic(scores[:, 1])])
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result


def calibrate(scores: Floats, truth: NDArray[np.int64]) -> Calibration:
    """Fit the curves.

    A row counts as (n + 1) / (n + 2) of its class and not as 1, for n rows of that class: where scores tell classes
    apart without an error, the curve would become a step and its probabilities 0 and 1 (Platt 1999, section 2.2).

    Args:
        scores: Shape (rows, classes).
        truth: Class of each row, from 0, shape (rows,).

    Raises:
        ValueError: If a class does not occur.
    """
    from sklearn.linear_model import LogisticRegression  # the service has no scikit-learn

    classes = scores.shape[1]
    fitted = []
    for place in range(classes) if classes > 2 else [1]:
        happened = truth == place
        if not happened.any() or happened.all():
            raise ValueError("every class must occur in the training part: take more rows")
        members = np.where(happened, happened.sum(), (~happened).sum())
        sure = (members + 1) / (members + 2)
        # Each row counts twice: as what it was, with weight `sure`, and with the rest of the weight as the contrary.
        doubled = np.tile(scores[:, [place]], (2, 1))
        outcome, weight = np.concatenate([happened, ~happened]), np.concatenate([sure, 1 - sure])
        fitted.append(LogisticRegression(C=np.inf).fit(doubled, outcome, weight))
    return Calibration(
        slopes=[float(curve.coef_[0, 0]) for curve in fitted],
        intercepts=[float(curve.intercept_[0]) for curve in fitted],
    )
