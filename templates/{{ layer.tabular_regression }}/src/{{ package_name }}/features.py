"""From rows to the two arrays that the model reads. Training and serving both come through here.

numeric      float32, shape (rows, numeric features), NaN where a value is missing
categorical  text, shape (rows, categorical features), MISSING where a value is missing

Numbers are rounded to single precision before training, because the service computes in it: the model then sees
the very same values in both places. A missing category is a category of its own; in tables about things it often
means that there is none (no pool, no alley), which is information.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .contract import Column

if TYPE_CHECKING:  # the service has no pandas
    import pandas as pd

MISSING = "(missing)"

Numeric = NDArray[np.float32]
Categorical = NDArray[np.object_]


def names_of(columns: Sequence[Column], kind: str) -> list[str]:
    """Return the names of the columns of one kind, in order."""
    return [column.name for column in columns if column.kind == kind]


def arrays_from_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> tuple[Numeric, Categorical]:
    """Turn the rows of a request into arrays.

    Args:
        rows: Mappings that hold every column; None where a value is missing.
        columns: The columns the model was trained on.

    Raises:
        KeyError: If a row lacks a column.
    """
    numeric = pick(rows, names_of(columns, "number"), np.float32)
    categorical = pick(rows, names_of(columns, "category"), np.object_)
    categorical[categorical == None] = MISSING  # noqa: E711 - numpy compares each element
    return numeric, categorical


def pick(rows: Sequence[Mapping[str, Any]], names: Sequence[str], dtype: Any) -> NDArray[Any]:
    """Take some columns of each row: an array of shape (rows, names); None becomes NaN in a numeric one."""
    if not names:
        return np.empty((len(rows), 0), dtype=dtype)
    # itemgetter reads all columns of a row in one call, twice as fast as a loop over names.
    values = itemgetter(*names)
    return np.array([values(row) for row in rows], dtype=dtype).reshape(len(rows), len(names))


def arrays_from_frame(frame: "pd.DataFrame", columns: Sequence[Column]) -> tuple[Numeric, Categorical]:
    """Turn a table into arrays; equal to `arrays_from_rows` on the same rows.

    Raises:
        KeyError: If the table lacks a column.
    """
    numeric = frame[names_of(columns, "number")].to_numpy(dtype=np.float32, na_value=np.nan)
    text = frame[names_of(columns, "category")]
    categorical = text.astype(object).where(text.notna(), MISSING).to_numpy(dtype=np.object_)
    return numeric, categorical


def table_for_pipeline(frame: "pd.DataFrame", columns: Sequence[Column]) -> "pd.DataFrame":
    """Put the same values into the table that the scikit-learn pipelines read: numeric features first."""
    import pandas as pd

    numeric, categorical = arrays_from_frame(frame, columns)
    parts = [
        pd.DataFrame(numeric, columns=names_of(columns, "number")),
        pd.DataFrame(categorical, columns=names_of(columns, "category")),
    ]
    return pd.concat(parts, axis="columns")
