"""How sure is a metric? Bootstrap intervals over test rows. `metrics.py` says which metrics there are."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Metric = Callable[[NDArray[Any], NDArray[Any]], float]


def with_intervals(
    metrics: Mapping[str, Metric],
    truth: NDArray[Any],
    prediction: NDArray[Any],
    samples: int,
    seed: int,
    blocks: NDArray[Any] | None = None,
) -> dict[str, dict[str, float]]:
    """Compute each metric with a 95% percentile bootstrap interval (Efron 1979).

    Args:
        metrics: By name.
        truth: True values, shape (n,).
        prediction: Predictions; their first axis has length n.
        samples: Number of resamples.
        seed: Makes the result repeatable.
        blocks: Rows with the same value here depend on each other (flights of one day share its weather) and are drawn
            together; shape (n,). Without it each row is drawn on its own.

    Returns:
        For each metric `value`, `low` and `high`.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(len(truth)) if blocks is None else np.unique(blocks, return_inverse=True)[1]
    order = np.argsort(labels, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    resampled: dict[str, list[float]] = {name: [] for name in metrics}
    for _ in range(samples):
        drawn = rng.integers(0, len(members), size=len(members))
        rows = drawn if blocks is None else np.concatenate([members[block] for block in drawn])
        for name, metric in metrics.items():
            resampled[name].append(metric(truth[rows], prediction[rows]))
    results = {}
    for name, metric in metrics.items():
        low, high = np.nanquantile(resampled[name], [0.025, 0.975])
        results[name] = {"value": metric(truth, prediction), "low": float(low), "high": float(high)}
    return results
