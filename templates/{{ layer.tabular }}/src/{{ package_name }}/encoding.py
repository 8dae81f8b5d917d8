"""Categories as numbers: what an encoder of the pipeline learned, as tables that the service looks up.

Text inside of an ONNX graph is slow (43 columns take 50 microseconds a row there, 4 in a dictionary), so the graph
starts behind the encoders.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

# A missing category is a category of its own. In tables about things it often means that there is none (no pool, no
# alley), which is information.
MISSING = "(missing)"

Matrix = NDArray[np.float32]
# One column of the matrix: the number of each text, and of a text that training never saw.
Table = tuple[dict[str | None, float], float]


class Encoding(BaseModel):
    """What an encoder learned of one categorical feature.

    Attributes:
        feature: Its name.
        numbers: For each category one number, or one for each class that is predicted.
        unknown: The same for a category that training never saw.
    """

    feature: str
    numbers: dict[str, list[float]]
    unknown: list[float]

    def tables(self) -> list[Table]:
        """Return one table for each column of the matrix that the feature fills."""
        tables = []
        for place, unknown in enumerate(self.unknown):
            numbers: dict[str | None, float] = {text: values[place] for text, values in self.numbers.items()}
            tables.append((numbers | {None: numbers.get(MISSING, unknown)}, unknown))
        return tables

    def columns(self) -> list[str]:
        """Return a name for each column of the matrix that the feature fills."""
        single = len(self.unknown) == 1
        return [self.feature] if single else [f"{self.feature}#{place}" for place in range(len(self.unknown))]


def look_up(texts: Iterable[Sequence[str | None]], encodings: Sequence[list[Table]], rows: int) -> Matrix:
    """Encode categorical features.

    Args:
        texts: For each feature its texts, one a row.
        encodings: For each feature the tables of its columns.
        rows: Number of rows.

    Returns:
        Shape (rows, columns).
    """
    columns = [
        [numbers.get(text, unknown) for text in values]
        for values, tables in zip(texts, encodings, strict=True)
        for numbers, unknown in tables
    ]
    return np.array(columns, dtype=np.float32).reshape(len(columns), rows).T
