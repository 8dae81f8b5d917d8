"""How unlike its reference may a window of days be? Limits that hold for a whole look, learned from the reference.

A week of flights is never a random draw from half a year: it has one weather and one season. Compared with half a year
its temperature always "drifts", whatever the textbook threshold. So a window is compared with the windows of the same
length in the reference, whole days in a row, each held against the rest of the reference. `drift.py` asks for limits;
`performance.py` has other figures that they are set for.

The hypothesis that an alarm rejects: this window is as unlike the reference as its own windows are. It fails where the
world moves on within the reference itself (a trend), the more the longer the window is.
"""

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def window_sums(daily: NDArray[Any], days: int) -> NDArray[Any]:
    """Add up every run of that many days: from shape (n, ...) to shape (n - days + 1, ...)."""
    sums = np.concatenate([np.zeros_like(daily[:1]), np.cumsum(daily, axis=0)])
    found: NDArray[Any] = sums[days:] - sums[:-days]
    return found


def thinned(counts: Counts, rows: int, rng: np.random.Generator) -> Counts:
    """Draw that many rows of each window that has more, so that small windows are compared with small ones.

    Args:
        counts: Rows of each bin, shape (windows, bins).
        rows: How many.
        rng: Source of chance.
    """
    totals = counts.sum(axis=1, keepdims=True)
    drawn = rng.multinomial(rows, counts / np.maximum(totals, 1))
    return np.where(totals > rows, drawn, counts)


def reachable_rate(rate: float, independent: int) -> float:
    """Return the smallest rate of false alarms that so many independent windows can vouch for, or the one asked for.

    Of n + 1 windows that only chance has put in order, the newest is the most unusual one once in n + 1 times.
    """
    return max(rate, 1 / (independent + 1))


def limits(figures: Floats, least: Floats, independent: int, rate: float) -> Floats:
    """Set a limit for each figure, so that of the windows without drift only a part `rate` is above any of them.

    Each figure is measured in its own spread; the limit is as many spreads above the mean as the most unusual figure
    of a window rarely is. Many figures in one look are thereby paid for, and those that go together cost nothing.

    Args:
        figures: Shape (windows, figures), larger is worse; NaN where a window has none.
        least: For each figure the smallest spread that counts, so that one which hardly varies is not flagged for a
            difference that changes nothing.
        independent: How many of the windows do not overlap.
        rate: Wanted share of windows with a false alarm.

    Returns:
        Shape (figures,); infinite for a figure that no window has.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # figures without a single value: NaN is the answer
        centre = np.nanmean(figures, axis=0)
        spread = np.maximum(np.nanstd(figures, axis=0), least)
    unusual = np.nan_to_num((figures - centre) / spread, nan=-np.inf).max(axis=1)
    wanted = math.ceil((1 - reachable_rate(rate, independent)) * (independent + 1) - 1e-9)
    level = min(wanted / independent, 1.0)
    found: Floats = centre + np.quantile(unusual, level, method="higher") * spread
    return np.nan_to_num(found, nan=np.inf)
