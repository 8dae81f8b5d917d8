"""Has what comes in, or what goes out, changed? Counts in bins, and how far they are from the reference.

`reference.py` makes the reference of a model; it travels with it as reference.json. The service compares its newest
rows with it (`drift_counter.py`), and the job a window of days (`monitor.py`). Only numpy and pydantic are needed.

The limits of the distance are no rule of thumb: `false_alarms.py` tells where they come from.
"""

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, PrivateAttr

from . import performance
from .bins import Watched, psi
from .false_alarms import Counts, Floats, limits, reachable_rate, thinned, window_sums

PROBABILITY = "probability"
REFERENCE = "reference.json"  # beside the model
# Smallest spreads that count: of the root of a PSI or of a share, where 0.04 means that two rows in a hundred have
# moved (TV <= sqrt(PSI) / 2, by Pinsker's inequality), and of ROC AUC, log loss and the gap between shares.
LEAST_MOVED, LEAST_WORSE = 0.04, 0.005
# Rows without a time have no days: so many times as many rows are drawn from the reference instead.
DRAWS = 200


class Reference(BaseModel):
    """What a model was made from, as counts for each day.

    Attributes:
        time: The column with the time of an event; without one, the rows are dealt out to two days.
        first_day: The day of the first counts.
        rate: Share of the looks at data without drift in which a false alarm is wanted at most.
        watched: The columns, and the probability as the last one.
        daily: For each of them rows by day and bin.
        novel: For each category rows by day whose value did not occur in the older half of the days; that half is left
            out.
        scores: Rows by day, outcome and step of probability, of models that had not seen the day.
    """

    time: str | None
    first_day: date
    rate: float
    watched: list[Watched]
    daily: dict[str, list[list[int]]]
    novel: dict[str, list[int]]
    scores: list[list[list[int]]]

    _limits: dict[tuple[int, int], dict[str, float]] = PrivateAttr(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read reference.json.

        Raises:
            OSError: If it is not there.
            ValueError: If it is damaged.
        """
        return cls.model_validate_json(path.read_bytes())

    @property
    def days(self) -> int:
        """How many days were counted."""
        return len(self.scores)

    @cached_property
    def totals(self) -> dict[str, Counts]:
        """Rows by bin, of all days."""
        return {name: np.array(days, dtype=np.int64).sum(axis=0) for name, days in self.daily.items()}

    def counts(self, columns: Mapping[str, Any]) -> dict[str, Counts]:
        """Count rows by bin.

        Args:
            columns: For every watched column its values, and the probabilities: numbers with NaN, texts with None.
        """
        return {watched.name: watched.counts(columns[watched.name]) for watched in self.watched}

    def psi(self, counts: Mapping[str, Counts]) -> dict[str, float]:
        """Return the distance of some counts from the reference, for each column."""
        return {name: float(psi(self.totals[name], counted)) for name, counted in counts.items()}

    def window(self, days: int) -> int:
        """Return how many days of the reference a look is compared with: two such windows must be in it."""
        return 1 if self.time is None else min(max(days, 1), max(self.days // 2, 1))

    def independent(self, days: int) -> int:
        """Return how many windows of such a look there are that do not overlap."""
        return DRAWS if self.time is None else self.days // self.window(days)

    def rate_for(self, days: int) -> float:
        """Return the rate of false alarms that holds for such a look; for long windows it is larger than wanted."""
        return reachable_rate(self.rate, self.independent(days))

    def limits(self, days: int, rows: int) -> dict[str, float]:
        """Return the limits for a look at so many rows, from so many days.

        Returns:
            `psi:COLUMN`, `missing:COLUMN` (share), `unknown:COLUMN` (share), `roc_auc` (smallest), `log_loss`, `gap`.
            One rate of false alarms holds for all of them together.
        """
        # Rounded down to a power of two: fewer rows have wider limits, and few limits have to be worked out.
        key = (self.window(days), 1 << max(rows, 1).bit_length() - 1)
        if key not in self._limits:
            self._limits[key] = self._work_out_limits(*key)
        return self._limits[key]

    def _work_out_limits(self, days: int, rows: int) -> dict[str, float]:
        """Look at every window of the reference as if it had just come in."""
        rng = np.random.default_rng(0)
        figures: dict[str, Floats] = {}
        for watched in self.watched:
            rest, counts = self._windows(self.daily[watched.name], days, rows, rng)
            figures[f"psi:{watched.name}"] = np.sqrt(psi(rest, counts))
            if watched.name != PROBABILITY:
                figures[f"missing:{watched.name}"] = root_share(counts[:, -1], counts.sum(axis=1))
            if watched.name in self.novel:
                new = np.array(self.novel[watched.name], dtype=np.int64)
                old = np.sum(self.daily[watched.name], axis=1)[-len(new) :] - new
                _, both = self._windows(np.stack([new, old], axis=1), min(days, len(new)), rows, rng)
                unknown = np.full(len(counts), np.nan)  # the windows of the older half are not known
                unknown[len(counts) - len(both) :] = root_share(both[:, 0], both.sum(axis=1))
                figures[f"unknown:{watched.name}"] = unknown
        flat = np.reshape(self.scores, (self.days, -1))
        _, scores = self._windows(flat, days, rows, rng)
        judged = performance.judged(scores.reshape(len(scores), 2, -1))
        figures |= {name: judged[:, place] for place, name in enumerate(performance.JUDGED)}
        some = scores.sum(axis=1) > 0  # a shop may be closed for longer than a window
        least = [LEAST_WORSE if name in performance.JUDGED else LEAST_MOVED for name in figures]
        found = limits(
            np.stack(list(figures.values()), axis=1)[some], np.array(least), self.independent(days), self.rate
        )
        return {name: limit_of(name, float(value)) for name, value in zip(figures, found, strict=True)}

    def _windows(self, daily: Any, days: int, rows: int, rng: np.random.Generator) -> tuple[Counts, Counts]:
        """Return counts of the rest of the reference and of so many rows of a window, for each window.

        Args:
            daily: Shape (days, bins).
            days: Of a window.
            rows: Most rows of a window.
            rng: Source of chance.
        """
        counts = np.asarray(daily, dtype=np.int64)
        total = counts.sum(axis=0)
        if self.time is None:  # any row may come at any time: reference and window are two draws from the same rows
            shares = total / total.sum()
            return rng.multinomial(total.sum(), shares, DRAWS), rng.multinomial(rows, shares, DRAWS)
        whole = window_sums(counts, days)
        return total - whole, thinned(whole, rows, rng)


def root_share(part: Counts, whole: Counts) -> Floats:
    """Return the root of a share: its spread hardly depends on how large the share is."""
    return np.sqrt(part / np.maximum(whole, 1))


def limit_of(name: str, worst: float) -> float:
    """Turn a limit of the figures that are compared into one of the figures that people read."""
    if name == "roc_auc":
        return -worst
    return worst if name in performance.JUDGED else worst * worst


def day_numbers(times: Any) -> NDArray[np.int64]:
    """Return the number of the day of each time, from 1970."""
    return np.asarray(times, dtype="datetime64[s]").astype("datetime64[D]").astype(np.int64)
