"""Error measures for regression, with bootstrap intervals. `evaluate.py` and `promote.py` use them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def rmse(truth: Floats, prediction: Floats) -> float:
    """Root mean squared error, in the target's unit."""
    return float(np.sqrt(np.mean((truth - prediction) ** 2)))


def mae(truth: Floats, prediction: Floats) -> float:
    """Mean absolute error, in the target's unit."""
    return float(np.mean(np.abs(truth - prediction)))


def r2(truth: Floats, prediction: Floats) -> float:
    """Share of the variance that is explained: 1 is perfect, 0 no better than the mean."""
    return float(1 - np.sum((truth - prediction) ** 2) / np.sum((truth - truth.mean()) ** 2))


METRICS: dict[str, Callable[[Floats, Floats], float]] = {"rmse": rmse, "mae": mae, "r2": r2}


def with_intervals(truth: Floats, prediction: Floats, samples: int, seed: int) -> dict[str, dict[str, float]]:
    """Compute each metric with a 95% percentile bootstrap interval over test rows (Efron 1979).

    Args:
        truth: True values, shape (n,).
        prediction: Predicted values, shape (n,).
        samples: Number of resamples.
        seed: Makes the result repeatable.

    Returns:
        For each metric `value`, `low` and `high`.
    """
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(truth), size=(samples, len(truth)))
    results = {}
    for name, metric in METRICS.items():
        resampled = [metric(truth[draw], prediction[draw]) for draw in draws]
        low, high = np.quantile(resampled, [0.025, 0.975])
        value = metric(truth, prediction)
        results[name] = {"value": value, "low": float(low), "high": float(high)}
    return results
