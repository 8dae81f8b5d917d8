"""From rows to the matrix that the model reads. Training and serving both come through here.

The matrix is float32, of shape (rows, features): numeric columns first, NaN where a value is missing, then the codes
of the categorical columns.

Numbers are rounded to single precision before training, because the service computes in it: the model then sees
the very same values in both places.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .contract import Column, names_of
from .encoding import MISSING, Encoding, Matrix, look_up

if TYPE_CHECKING:  # the service has no pandas
    import pandas as pd


class Features:
    """Computes the matrix of a trained model, from the rows of a request or from a table.

    Attributes:
        numeric, categorical: Names of the columns of each kind, in order.
    """

    def __init__(self, columns: Sequence[Column], encodings: Sequence[Encoding]) -> None:
        self.numeric = names_of(columns, "number")
        self.categorical = names_of(columns, "category")
        self.tables = [encoding.tables() for encoding in encodings]

    def from_rows(self, rows: Sequence[Mapping[str, Any]]) -> Matrix:
        """Compute the matrix of a request.

        Args:
            rows: Mappings that hold every column; None where a value is missing.

        Raises:
            KeyError: If a row lacks a column.
        """
        numbers = np.array([[row[name] for name in self.numeric] for row in rows], dtype=np.float32)
        texts = ([row[name] for row in rows] for name in self.categorical)
        codes = look_up(texts, self.tables, len(rows))
        return np.hstack([numbers.reshape(len(rows), len(self.numeric)), codes])

    def from_frame(self, frame: "pd.DataFrame") -> Matrix:
        """Compute the matrix of a table; equal to `from_rows` on the same rows.

        Raises:
            KeyError: If the table lacks a column.
        """
        numbers = frame[self.numeric].to_numpy(dtype=np.float32, na_value=np.nan)
        text = text_columns(frame, self.categorical)
        codes = look_up((text[name].tolist() for name in self.categorical), self.tables, len(frame))
        return np.hstack([numbers, codes])


def text_columns(frame: "pd.DataFrame", names: Sequence[str]) -> "pd.DataFrame":
    """Take categorical columns, with MISSING where a value is missing."""
    text = frame[list(names)]
    return text.astype(object).where(text.notna(), MISSING)


def table_for_pipeline(frame: "pd.DataFrame", columns: Sequence[Column]) -> "pd.DataFrame":
    """Take what the scikit-learn pipelines read: the same numbers first, then categories as text.

    Raises:
        KeyError: If the table lacks a column.
    """
    import pandas as pd

    numbers = frame[names_of(columns, "number")].astype(np.float32)
    return pd.concat([numbers, text_columns(frame, names_of(columns, "category"))], axis="columns")
