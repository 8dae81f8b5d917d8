"""Drift of the newest rows, counted in the service while it answers. `production.py` adds rows, the metrics look.

No request pays for it: rows wait until somebody looks, and of all that wait only the newest are counted. Some hundred
are counted at once: a column of a thousand rows takes hardly longer than one of ten.
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

# Rows of a request, and the probabilities that were answered.
Answers = tuple[Sequence[Mapping[str, Any]], Sequence[float]]


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
    """Counts of the newest rows, for the service.

    All methods may be called from several threads.
    """

    def __init__(self, reference: Reference, capacity: int = 5_000) -> None:
        """Start empty.

        Args:
            reference: Of the model in service.
            capacity: How many of the newest rows are looked at, give or take a tenth.
        """
        self.reference = reference
        self.capacity = capacity
        self._names = [watched.name for watched in reference.watched if watched.name != PROBABILITY]
        # With one name alone, itemgetter would return no tuple.
        self._pick = itemgetter(*self._names, self._names[0])
        self._lock = threading.Lock()  # of what waits: held for a moment only
        self._waiting: deque[Answers] = deque()
        self._rows_waiting = 0
        self._looking = threading.Lock()  # of what is counted
        self._blocks: deque[Block] = deque()

    def add(self, rows: Sequence[Mapping[str, Any]], probabilities: Sequence[float]) -> None:
        """Note rows and the probabilities that were answered."""
        with self._lock:
            self._waiting.append((rows, probabilities))
            self._rows_waiting += len(rows)
            while self._rows_waiting - len(self._waiting[0][0]) >= self.capacity:
                self._rows_waiting -= len(self._waiting.popleft()[0])

    def look(self) -> Drift:
        """Compare the newest rows with the reference."""
        with self._looking:
            self._count_what_waits()
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

    def _count_what_waits(self) -> None:
        """Count the rows that wait, some hundred at once; others may come meanwhile."""
        with self._lock:
            waiting, self._waiting, self._rows_waiting = self._waiting, deque(), 0
        rows: list[Mapping[str, Any]] = []
        probabilities: list[float] = []
        for more_rows, more_probabilities in waiting:
            rows += more_rows
            probabilities += more_probabilities
            if len(rows) >= BATCH_ROWS:
                self._count(rows, probabilities)
                rows, probabilities = [], []
        if rows:
            self._count(rows, probabilities)

    def _count(self, rows: Sequence[Mapping[str, Any]], probabilities: Sequence[float]) -> None:
        """Count rows, and forget the oldest."""
        columns: dict[str, Any] = {name: [] for name in self._names}
        for begin in range(0, len(rows), TURNED_ROWS):
            part = zip(*map(self._pick, rows[begin : begin + TURNED_ROWS]), strict=True)
            for name, values in zip(self._names, part, strict=False):
                columns[name].extend(values)
        columns[PROBABILITY] = probabilities
        first, last = 0, 0
        if self.reference.time is not None:
            times = [row[self.reference.time] for row in rows]
            first, last = day_numbers([min(times), max(times)]).tolist()
        block = Block(len(rows), first, last, self.reference.counts(columns))
        if self._blocks and self._blocks[-1].rows + block.rows <= self.capacity // BLOCKS:
            block = self._blocks.pop().with_more(block)
        self._blocks.append(block)
        while sum(each.rows for each in self._blocks) - self._blocks[0].rows >= self.capacity:
            self._blocks.popleft()
