"""Side tables that travel with the model, so that a request need not hold them: aircraft by tail number, airports.

`train.py` makes a `Lookup` of each join with `lookup: true`; `features.py` uses them, in training and in the service.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

Columns = dict[str, NDArray[Any]]


class LookupField(BaseModel):
    """One column of a side table: its name among the features, and its values in the order of the keys."""

    name: str
    kind: Literal["number", "category"]
    values: list[float | None] | list[str | None]


class Lookup(BaseModel):
    """A side table.

    Attributes:
        name: Of the join, as in params.yaml.
        column: The column of a row that holds the key.
        keys: The keys that are known.
        fields: What is known of them.
    """

    name: str
    column: str
    keys: list[str]
    fields: list[LookupField]


class LookupTable:
    """A side table, ready to be asked for many rows at once."""

    def __init__(self, lookup: Lookup) -> None:
        self.name = lookup.name
        self.column = lookup.column
        self.places = {key: place for place, key in enumerate(lookup.keys)}
        # One value more than there are keys: place -1, for keys that are not known.
        self.arrays: Columns = {
            field.name: np.array([*field.values, None], dtype=np.float64 if field.kind == "number" else np.object_)
            for field in lookup.fields
        }

    def take(self, columns: Mapping[str, NDArray[Any]]) -> Columns:
        """Return the columns of the side table for rows.

        Args:
            columns: The rows, column by column; the key's column is an array of text or None.
        """
        places = np.array([self.places.get(key, -1) for key in columns[self.column].tolist()], dtype=np.int64)
        return {name: values[places] for name, values in self.arrays.items()}

    def remarks(self, rows: Sequence[Mapping[str, Any]]) -> list[str | None]:
        """Remark, for each row, a key that is given and not known."""
        keys = (row[self.column] for row in rows)
        return [
            None if key is None or key in self.places else f"{self.column}: {key!r} is not in the table '{self.name}'"
            for key in keys
        ]
