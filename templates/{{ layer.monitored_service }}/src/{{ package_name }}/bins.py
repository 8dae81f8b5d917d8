"""Columns in bins: ten equal parts of a number, the frequent categories, and one bin for missing values.

`drift.py` counts rows in them. The distance between two counts is the population stability index,
PSI = sum (p - q) ln(p / q).
"""

from collections import Counter
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from .false_alarms import Counts, Floats

DECILES = np.arange(1, 10) / 10
# A category is counted by itself from this share of the rows on; these at most.
LEAST_SHARE, MOST_CATEGORIES = 0.005, 30


class Watched(BaseModel):
    """A column of the request, or the probability, and its bins.

    Attributes:
        name, kind: As in the contract.
        edges: Of a number: a bin reaches from an edge to before the next one; the last bin is for missing values.
        categories: Of a category: a bin for each, then one for all others and one for missing values.
    """

    name: str
    kind: Literal["number", "category"]
    edges: list[float] = []
    categories: list[str] = []

    @property
    def size(self) -> int:
        """Number of bins."""
        return len(self.edges) + len(self.categories) + 2

    @cached_property
    def _places(self) -> dict[str | None, int]:
        """The bin of each category."""
        places: dict[str | None, int] = {text: place for place, text in enumerate(self.categories)}
        return places | {None: self.size - 1}

    def codes(self, values: Any) -> Counts:
        """Return the bin of each value: numbers with NaN, or texts with None."""
        if self.kind == "category":
            places, other = self._places, len(self.categories)
            return np.array([places.get(text, other) for text in values], dtype=np.int64)
        numbers = np.asarray(values, dtype=np.float64)
        codes = np.searchsorted(self.edges, numbers, side="right")
        codes[np.isnan(numbers)] = self.size - 1
        return codes

    def counts(self, values: Any) -> Counts:
        """Count rows by bin."""
        if self.kind == "number":
            numbers = np.asarray(values, dtype=np.float64)
            missing = int(np.count_nonzero(np.isnan(numbers)))
            # A look at all values for each of the few edges is faster than a search for each value.
            reached = [int(np.count_nonzero(numbers >= edge)) for edge in self.edges]
            ends = pairwise([len(numbers) - missing, *reached, 0])
            return np.array([*(more - less for more, less in ends), missing], dtype=np.int64)
        counts = np.zeros(self.size, dtype=np.int64)
        for text, rows in Counter(values).items():  # three times as fast as a look at each row
            counts[self._places.get(text, len(self.categories))] += rows
        return counts

    def labels(self) -> list[str]:
        """Say what each bin holds."""
        if self.kind == "category":
            return [*self.categories, "other", "missing"]
        ends = [f"{edge:.4g}" for edge in self.edges]
        between = [low if low == high else f"{low} to {high}" for low, high in pairwise(ends)]
        return ([f"below {ends[0]}", *between, f"{ends[-1]} or more"] if ends else ["a number"]) + ["missing"]


def bins_of(name: str, kind: Literal["number", "category"], values: NDArray[Any]) -> Watched:
    """Make the bins of a column.

    A value that fills a tenth of the rows (no rain) has a bin of its own.

    Args:
        name: Of the column.
        kind: Of the column.
        values: Its reference: numbers with NaN, or texts with None.
    """
    if kind == "category":
        texts, counts = np.unique(
            np.array([text for text in values if text is not None], dtype=str), return_counts=True
        )
        often = np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]
        frequent = [str(texts[place]) for place in often if counts[place] >= LEAST_SHARE * len(values)]
        return Watched(name=name, kind=kind, categories=frequent)
    numbers = np.asarray(values, dtype=np.float64)
    numbers = numbers[~np.isnan(numbers)]
    edges: set[float] = set()
    for edge in np.unique(np.quantile(numbers, DECILES, method="lower")) if len(numbers) else ():
        if edge > numbers.min():
            edges.add(float(edge))
        if np.mean(numbers == edge) >= 1 - DECILES[-1] and edge < numbers.max():
            edges.add(float(np.nextafter(edge, np.inf)))
    return Watched(name=name, kind=kind, edges=sorted(edges))


def psi(expected: NDArray[np.int64], counted: NDArray[np.int64]) -> Floats:
    """Return the population stability index of counts of shape (..., bins).

    Half a row is added to every bin, so that an empty one costs as much as so few rows can say.
    """
    p, q = (
        (counts + 0.5) / (counts + 0.5).sum(axis=-1, keepdims=True)
        for counts in (np.asarray(expected), np.asarray(counted))
    )
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=-1))
