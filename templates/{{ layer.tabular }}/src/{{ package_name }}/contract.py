"""The data contract: which columns there are, of which kind, and what may be missing.

The contract lives in `schema.yaml`, which you own and git versions. `data.py` writes a first one from the data,
`prepare.py` checks every table against it, and the service builds its request model from the copy that travels
with the model. Only pydantic is needed here, so that the service can import it.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# The service computes in single precision; a larger number would become infinite.
LARGEST_NUMBER = 1e38
LONGEST_TEXT = 200


class Column(BaseModel):
    """One column that a prediction is made from."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    kind: Literal["number", "category", "time"]
    nullable: bool = False
    minimum: float | None = None
    description: str = ""


class Contract(BaseModel):
    """The columns of a table.

    Attributes:
        source: The file that the contract was written for (`data.path` in params.yaml).
        target: The column to predict.
        ignore: Columns that are left out, each with the reason.
        leaks: Columns that are only known when it is too late to predict, each with the reason. They are left out too.
        columns: What is known at the moment of the prediction, in the order in which the model reads it.
    """

    model_config = ConfigDict(extra="forbid")

    source: str
    target: str
    ignore: dict[str, str] = {}
    leaks: dict[str, str] = {}
    columns: list[Column]

    def names(self) -> list[str]:
        """Names of all columns."""
        return [column.name for column in self.columns]

    def numeric(self) -> list[str]:
        """Names of the numeric columns."""
        return names_of(self.columns, "number")

    def categorical(self) -> list[str]:
        """Names of the categorical columns."""
        return names_of(self.columns, "category")

    def time(self) -> str | None:
        """Name of the column that says when the event of a row happens, if there is one."""
        return next(iter(names_of(self.columns, "time")), None)


class ServedColumn(Column):
    """A column as the service knows it: the contract plus what training saw.

    Attributes:
        typical: Median or most frequent value in the training data.
        low, high: Range of a numeric column in the training data.
        categories: Values of a categorical column in the training data, sorted.
    """

    typical: float | str | None = None
    low: float | None = None
    high: float | None = None
    categories: list[str] = []


def names_of(columns: Sequence[Column], kind: str) -> list[str]:
    """Return the names of the columns of one kind, in order."""
    return [column.name for column in columns if column.kind == kind]
