"""The data contract: which columns there are, of which kind, and what may be missing.

The contract lives in `schema.yaml`, which you own and git versions. `data.py` writes a first one from the data,
`prepare.py` checks every table against it, and the service builds its request model from the copy that travels
with the model. Only pydantic is needed here, so that the service can import it.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# The service computes in single precision; a larger number would become infinite.
LARGEST_NUMBER = 1e38
LONGEST_TEXT = 200


class Column(BaseModel):
    """One feature."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    kind: Literal["number", "category"]
    nullable: bool = False
    minimum: float | None = None
    description: str = ""


class Contract(BaseModel):
    """The columns of a table.

    Attributes:
        source: The file that the contract was written for (`data.path` in params.yaml).
        target: The column to predict.
        ignore: Columns that are left out, each with the reason.
        columns: The features, in the order in which the model reads them.
    """

    model_config = ConfigDict(extra="forbid")

    source: str
    target: str
    ignore: dict[str, str] = {}
    columns: list[Column]

    def numeric(self) -> list[str]:
        """Names of the numeric features."""
        return [column.name for column in self.columns if column.kind == "number"]

    def categorical(self) -> list[str]:
        """Names of the categorical features."""
        return [column.name for column in self.columns if column.kind == "category"]


class ServedColumn(Column):
    """A feature as the service knows it: the contract plus what training saw.

    Attributes:
        typical: Median or most frequent value in the training data.
        low, high: Range of a numeric feature in the training data.
        categories: Values of a categorical feature in the training data.
    """

    typical: float | str | None = None
    low: float | None = None
    high: float | None = None
    categories: list[str] = []
