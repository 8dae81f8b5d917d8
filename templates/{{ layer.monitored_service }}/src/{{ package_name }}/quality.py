"""Are the data what the contract says? Shares of missing and unknown values, and values that should not be there.

`monitor.py` looks at a window of what the service was asked. The service itself refuses most of what is wrong here:
what is found all the same came another way into the record, or the contract has changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .contract import LARGEST_NUMBER, ServedColumn


@dataclass(frozen=True)
class ColumnQuality:
    """What was found in a column.

    Attributes:
        name: Of the column.
        missing: Share of rows without a value.
        unknown: Share of rows with a category that training never saw; None for a number.
        beyond: Share of rows outside of the range that training saw; None for a category. For information: how
            unusual that is, drift says.
        broken: Rows that the contract forbids: a value below the minimum, or none where there must be one.
    """

    name: str
    missing: float
    unknown: float | None
    beyond: float | None
    broken: int


def quality_of(table: pd.DataFrame, columns: Sequence[ServedColumn]) -> list[ColumnQuality]:
    """Look at each column of the contract.

    Args:
        table: One row for each prediction, at least one.
        columns: Of the model: the contract, and what training saw.
    """
    return [look_at(table[column.name], column) for column in columns]


def look_at(values: pd.Series, column: ServedColumn) -> ColumnQuality:
    """Look at one column."""
    missing = values.isna()
    broken = 0 if column.nullable else int(missing.sum())
    unknown = beyond = None
    if column.kind == "category":
        unknown = float((~missing & ~values.isin(column.categories)).mean())
    elif column.kind == "number":
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        lowest = -LARGEST_NUMBER if column.minimum is None else column.minimum
        broken += int(((numbers < lowest) | (numbers > LARGEST_NUMBER)).sum())
        if column.low is not None and column.high is not None:
            beyond = float(((numbers < column.low) | (numbers > column.high)).mean())
    return ColumnQuality(column.name, float(missing.mean()), unknown, beyond, broken)
