"""Drift of the newest rows, counted in the service while it answers. `production.py` adds rows, the metrics look.

Rows wait until there are some hundred and are counted at once: a column of a thousand rows takes hardly longer than one
of ten.
"""

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from .drift import PROBABILITY, Reference, day_numbers
from .false_alarms import Counts

BATCH_ROWS = 500
# Rows are turned into columns so many at a time, while they are in the processor's cache: twice as fast as all at once.
TURNED_ROWS = 100
# The oldest rows go in parts of the capacity.
BLOCKS = 20


@dataclass(frozen=True)
class Block:
    """Counts of rows that came one after the other, from one day to another (numbers since 1970)."""

    rows: int
    first_day: int
    last_day: int
    counts: dict[str, Counts]

    def with_more(self, newer: "Block") -> "Block":
        """Return both as one."""
        return Block(
            self.rows + newer.rows,
            min(self.first_day, newer.first_day),
            max(self.last_day, newer.last_day),
            {name: counted + newer.counts[name] for name, counted in self.counts.items()},
        )


@dataclass(frozen=True)
class Drift:
    """What a look at the newest rows found.

    Attributes:
        rows: How many there were.
        psi, limits: Distance from the reference and its limit, for each column and the probability.
    """

    rows: int
    psi: dict[str, float]
    limits: dict[str, float]

    @property
    def flagged(self) -> list[str]:
        """The columns above their limit."""
        return [name for name, value in self.psi.items() if value > self.limits[name]]


class DriftCounter:
    """Counts of the newest rows, for the service. Rows wait until there are some hundred, and are counted at once.

    All methods may be called from several threads.
    """

    def __init__(self, reference: Reference, capacity: int = 5_000) -> None:
        """Start empty.

        Args:
            reference: Of the model in service.
            capacity: How many of the newest rows are looked at, give or take a twentieth.
        """
        self.reference = reference
        self.capacity = capacity
        self._names = [watched.name for watched in reference.watched if watched.name != PROBABILITY]
        # With one name alone, itemgetter would return no tuple.
        self._pick = itemgetter(*self._names, self._names[0])
        self._lock = threading.Lock()
        self._waiting: list[tuple[Mapping[str, Any], float]] = []
        self._blocks: deque[Block] = deque()

    def add(self, rows: Sequence[Mapping[str, Any]], probabilities: Sequence[float]) -> None:
        """Note rows and the probabilities that were answered."""
        with self._lock:
            self._waiting += zip(rows, probabilities, strict=True)
            if len(self._waiting) >= BATCH_ROWS:
                self._count()

    def look(self) -> Drift:
        """Compare the newest rows with the reference."""
        with self._lock:
            self._count()
            rows = sum(block.rows for block in self._blocks)
            if rows == 0:
                return Drift(0, {}, {})
            counts = {
                watched.name: np.sum([block.counts[watched.name] for block in self._blocks], axis=0)
                for watched in self.reference.watched
            }
            first = min(block.first_day for block in self._blocks)
            last = max(block.last_day for block in self._blocks)
        limits_now = self.reference.limits(last - first + 1, rows)
        return Drift(rows, self.reference.psi(counts), {name: limits_now[f"psi:{name}"] for name in counts})

    def _count(self) -> None:
        """Count the rows that wait."""
        if not self._waiting:
            return
        rows = [row for row, _ in self._waiting]
        columns: dict[str, Any] = {name: [] for name in self._names}
        for begin in range(0, len(rows), TURNED_ROWS):
            part = zip(*map(self._pick, rows[begin : begin + TURNED_ROWS]), strict=True)
            for name, values in zip(self._names, part, strict=False):
                columns[name].extend(values)
        columns[PROBABILITY] = [probability for _, probability in self._waiting]
        first, last = 0, 0
        if self.reference.time is not None:
            times = [row[self.reference.time] for row in rows]
            first, last = day_numbers([min(times), max(times)]).tolist()
        block = Block(len(rows), first, last, self.reference.counts(columns))
        self._waiting = []
        if self._blocks and self._blocks[-1].rows + block.rows <= self.capacity // BLOCKS:
            block = self._blocks.pop().with_more(block)
        self._blocks.append(block)
        while sum(each.rows for each in self._blocks) - self._blocks[0].rows >= self.capacity:
            self._blocks.popleft()
