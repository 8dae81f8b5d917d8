"""Aggregates over the past: how often each class occurred on the days before, for all rows and for groups of them.

Only whole days before the day of a row count, so that no row sees its own outcome or a later one. What was counted
travels with the model. The service looks back from the day of the request; where its counts end earlier, the features
are missing, and it says so.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

# So many of the newest days travel with the model: a year and the longest window that one would use with it.
KEPT_DAYS = 400
# A group needs rows on many days to say something: columns with more groups than this are left out.
MOST_GROUPS = 500
BETWEEN_KEYS = " | "


class GroupCounts(BaseModel):
    """Counts for the groups of one key.

    Attributes:
        columns: The columns that make the group; none for the group of all rows.
        groups: For each group the counts of all its rows, then those of each tracked class: one number for each day,
            with spaces between, because a list of numbers would take several times the place.
    """

    columns: list[str]
    groups: dict[str, list[str]]


class History(BaseModel):
    """Counts by day.

    Attributes:
        first_day, days: The days that were counted.
        windows: How many days the features look back.
        tracked: The classes whose shares are features, as (place among the classes, suffix of the feature's name).
        counts: One entry for each key.
    """

    first_day: date
    days: int
    windows: list[int]
    tracked: list[tuple[int, str]]
    counts: list[GroupCounts]

    def names(self) -> list[str]:
        """Return the names of the features, in order."""
        return [
            f"past_{'_'.join(counts.columns) or 'all'}_{window}d{suffix}"
            for counts in self.counts
            for window in self.windows
            for _, suffix in self.tracked
        ]

    @property
    def last_day(self) -> date:
        """The newest day that was counted."""
        return date.fromordinal(self.first_day.toordinal() + self.days - 1)


def count(
    columns: Mapping[str, NDArray[Any]],
    time: NDArray[np.datetime64],
    classes: NDArray[Any],
    tracked: Mapping[str, tuple[int, str]],
    keys: Sequence[Sequence[str]],
    windows: Sequence[int],
) -> History:
    """Count the rows of each day.

    Args:
        columns: Rows whose class is known, in any order, column by column.
        time: Their times, shape (rows,).
        classes: Their classes, shape (rows,).
        tracked: The classes to track, each with its place among the classes and the suffix for the feature's name.
        keys: Columns of each key; keys with a column that is not there, or with too many groups, are left out.
        windows: How many days the features look back.
    """
    days = time.astype("datetime64[D]").astype(np.int64)
    first = max(int(days.min()), int(days.max()) - KEPT_DAYS + 1)
    length = int(days.max()) - first + 1
    recent = days >= first
    positions = days[recent] - first
    indicators = [np.ones(len(positions)), *((classes[recent] == name).astype(float) for name in tracked)]
    counts = []
    for key in keys:
        if not set(key) <= set(columns):
            continue
        labels = group_labels({name: columns[name][recent] for name in key}, len(positions))
        names, codes = np.unique(np.array(labels), return_inverse=True)
        if len(names) > MOST_GROUPS:
            continue
        cells = codes * length + positions
        sums = [np.bincount(cells, of, len(names) * length).reshape(len(names), length) for of in indicators]
        stacked = np.stack(sums, axis=1).astype(int).tolist()  # groups, all and tracked classes, days
        texts = [[" ".join(map(str, series)) for series in group] for group in stacked]
        counts.append(GroupCounts(columns=list(key), groups=dict(zip(names.tolist(), texts, strict=True))))
    return History(
        first_day=date.fromordinal(date(1970, 1, 1).toordinal() + first),
        days=length,
        windows=list(windows),
        tracked=list(tracked.values()),
        counts=counts,
    )


def group_labels(columns: Mapping[str, NDArray[Any]], rows: int) -> list[str]:
    """Return the group of each row: the values of its columns, joined."""
    if not columns:
        return ["all"] * rows
    values = [list(map(str, column.tolist())) for column in columns.values()]
    return values[0] if len(values) == 1 else [BETWEEN_KEYS.join(parts) for parts in zip(*values, strict=True)]


class Past:
    """A history, ready to be asked for many rows at once."""

    def __init__(self, history: History) -> None:
        self.first = int(np.datetime64(history.first_day, "D").astype(np.int64))
        self.days = history.days
        self.last_day = history.last_day
        self.windows = history.windows
        self.names = history.names()
        self.keys: list[tuple[list[str], dict[str, int], NDArray[np.float64]]] = []
        for counts in history.counts:
            places = {group: place for place, group in enumerate(counts.groups)}
            # Sums up to each day; the last group is empty and stands for groups that are not known.
            sums = np.zeros((len(places) + 1, 1 + len(history.tracked), history.days + 1))
            daily = [[series.split() for series in group] for group in counts.groups.values()]
            np.cumsum(np.array(daily, dtype=np.float64), axis=2, out=sums[:-1, :, 1:])
            self.keys.append((counts.columns, places, sums))

    def compute(self, columns: Mapping[str, NDArray[Any]], time: NDArray[np.datetime64]) -> dict[str, NDArray[Any]]:
        """Return the share of each tracked class on the days before; NaN where there was no row.

        Args:
            columns: The rows, column by column.
            time: Their times, shape (rows,).
        """
        day = time.astype("datetime64[D]").astype(np.int64) - self.first
        until = np.clip(day, 0, self.days)
        starts = [np.clip(day - window, 0, self.days) for window in self.windows]
        shares: list[NDArray[np.float64]] = []
        for names, places, sums in self.keys:
            labels = group_labels({name: columns[name] for name in names}, len(day))
            group = np.array([places.get(label, -1) for label in labels], dtype=np.int64)
            for since in starts:
                counted = sums[group, :, until] - sums[group, :, since]
                with np.errstate(invalid="ignore"):
                    shares.extend((counted[:, 1:] / counted[:, :1]).T)
        return dict(zip(self.names, shares, strict=True))

    def remarks(self, time: NDArray[np.datetime64]) -> list[str | None]:
        """Remark, for each row, that outcomes of the days before it are not known."""
        late = time.astype("datetime64[D]").astype(np.int64) - self.first > self.days
        text = f"outcomes are known up to {self.last_day}: aggregates over the days before are incomplete"
        return [text if after else None for after in late.tolist()]
