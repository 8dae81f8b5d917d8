"""Groups of test rows, and importance of columns: where `evaluate.py` looks for weak spots."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.inspection import permutation_importance

# A group of fewer test rows says little about its error.
SMALLEST_SLICE = 15


def groups(test: pd.DataFrame, columns: Sequence[str]) -> Iterator[tuple[str, str, NDArray[np.intp]]]:
    """Yield column, label and row numbers of each group: each category, each month of a time, each quarter of a number.

    Args:
        test: The rows; its index counts from 0.
        columns: What to group by.
    """
    for column in columns:
        values = test[column]
        labels = values
        if pd.api.types.is_datetime64_any_dtype(values):
            labels = values.dt.strftime("%Y-%m")
        elif pd.api.types.is_numeric_dtype(values) and values.nunique() > 8:
            labels = pd.qcut(values, 4, duplicates="drop")
        for label, rows in test.groupby(labels, observed=True).indices.items():
            inside = values.iloc[rows]
            text = f"{inside.min():g} to {inside.max():g}" if isinstance(label, pd.Interval) else str(label)
            if len(rows) >= SMALLEST_SLICE:
                yield column, text, np.asarray(rows)


def importance(
    table: pd.DataFrame,
    truth: NDArray[Any],
    error: Callable[[pd.DataFrame, NDArray[Any]], float],
    repeats: int,
    seed: int,
) -> pd.Series:
    """Permutation importance: how much the error grows when a column is shuffled (Breiman 2001), largest first.

    Args:
        table: The test rows.
        truth: Their true values.
        error: Computes the error of predictions for a table.
        repeats: How often each column is shuffled.
        seed: Makes the result repeatable.
    """

    class Scored:
        """What scikit-learn wants to see: something that was fitted."""

        def fit(self) -> None: ...

    result = permutation_importance(
        Scored(),
        table,
        truth,
        scoring=lambda _, shuffled, true: -error(shuffled, true),
        n_repeats=repeats,
        random_state=seed,
    )
    series = pd.Series(result.importances_mean, index=table.columns, name="growth_of_error")
    return series.sort_values(ascending=False)
