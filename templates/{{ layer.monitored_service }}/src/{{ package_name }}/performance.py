"""How good were predictions, from counts that add up: day by day, by outcome and probability in steps of a hundredth.

With two classes a prediction says how probable the positive class is. With more it says how sure it is of the class
that it decided for, and what happens is that it was right.

Before outcomes arrive the probabilities themselves say what to expect, if they are calibrated: of rows at 30%, three in
ten (confidence-based performance estimation, as in NannyML). It sees that cases have become harder. It cannot see that
the same cases now end differently (concept drift): then the probabilities are wrong, and the estimate with them.
"""

import numpy as np
from numpy.typing import NDArray

from .decision import Policy
from .false_alarms import Counts, Floats

STEPS = 100
CENTRES = (np.arange(STEPS) + 0.5) / STEPS
# The figures that a window is judged by, made so that larger is worse.
JUDGED = ("roc_auc", "log_loss", "gap")


def happened(policy: Policy, outcomes: NDArray[np.object_], decisions: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return for each row whether that happened whose probability was shown."""
    said = decisions if policy.positive is None else np.array(policy.classes[policy.positive], dtype=object)
    return np.asarray(outcomes == said, dtype=np.bool_)


def daily_scores(day: NDArray[np.int64], days: int, it_happened: NDArray[np.bool_], probability: Floats) -> Counts:
    """Count rows by day, outcome and step of probability: shape (days, 2, STEPS).

    Args:
        day: Number of the day of each row, from 0.
        days: How many days there are.
        it_happened: The outcome of each row.
        probability: That it would.
    """
    step = np.clip((probability * STEPS).astype(np.int64), 0, STEPS - 1)
    cell = (day * 2 + it_happened) * STEPS + step
    return np.bincount(cell, minlength=days * 2 * STEPS).reshape(days, 2, STEPS)


def measures(scores: NDArray[np.int64] | Floats) -> dict[str, Floats]:
    """Return ROC AUC, log loss, and the predicted and the observed share, for each window.

    Args:
        scores: Counts of shape (..., 2, STEPS).

    Returns:
        Arrays of shape (...); NaN where they are not defined.
    """
    no, yes = np.asarray(scores[..., 0, :], dtype=np.float64), np.asarray(scores[..., 1, :], dtype=np.float64)
    below = np.cumsum(no, axis=-1) - no / 2  # rows that did not happen and rank lower; a half for the same step
    rows = (no + yes).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        area = (yes * below).sum(axis=-1) / (no.sum(axis=-1) * yes.sum(axis=-1))
        return {
            "roc_auc": area,
            "log_loss": -(yes @ np.log(CENTRES) + no @ np.log(1 - CENTRES)) / rows,
            "predicted": (yes + no) @ CENTRES / rows,
            "observed": yes.sum(axis=-1) / rows,
        }


def judged(scores: NDArray[np.int64]) -> Floats:
    """Return the figures of JUDGED, larger is worse: shape (..., 3)."""
    found = measures(scores)
    return np.stack([-found["roc_auc"], found["log_loss"], np.abs(found["observed"] - found["predicted"])], axis=-1)


def with_intervals(scores: Counts, samples: int, seed: int) -> dict[str, dict[str, float]]:
    """Return each measure of a window with its 95% bootstrap interval; whole days are drawn.

    Args:
        scores: Of each day, shape (days, 2, STEPS).
        samples: How often to draw.
        seed: Makes the draws repeatable.
    """
    drawn = np.random.default_rng(seed).integers(0, len(scores), size=(samples, len(scores)))
    resampled = measures(scores[drawn].sum(axis=1))
    results = {}
    for name, value in measures(scores.sum(axis=0)).items():
        known = resampled[name][~np.isnan(resampled[name])]
        low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
        results[name] = {"value": float(value), "low": float(low), "high": float(high)}
    return results


def expected(probability: Floats) -> dict[str, float]:
    """Return the measures that probabilities promise, before any outcome has arrived."""
    rows = np.bincount(np.clip((probability * STEPS).astype(np.int64), 0, STEPS - 1), minlength=STEPS)
    promised = measures(np.stack([rows * (1 - CENTRES), rows * CENTRES]))
    return {name: float(promised[name]) for name in ("roc_auc", "log_loss")}
