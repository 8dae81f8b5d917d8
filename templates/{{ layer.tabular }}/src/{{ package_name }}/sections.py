"""What the parameters of every table project have in common. `params.py` puts them together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from .config import Fraction, Section

CONTRACT_FILE = Path("schema.yaml")


class DataSection(Section):
    """Where the table comes from.

    Attributes:
        path: The CSV.
        target: The column to predict.
        url, sha256: Where the CSV can be downloaded, and its checksum.
        package: A data set that a Python package ships.
        rows: A pandas query that selects the rows to keep.
        time: The column that says when the event of a row happens; the newest rows are then for testing.
    """

    path: str
    target: str
    url: str | None = None
    sha256: str | None = None
    package: str | None = None
    rows: str | None = None
    time: str | None = None

    def files(self) -> list[Path]:
        """Every file that must be there before the pipeline can run."""
        return [Path(self.path)]

    def made_from(self, names: Sequence[str]) -> list[str]:  # noqa: ARG002 - stages that make the target need them
        """Columns that the target is made from: they must never reach the model."""
        return []

    def folders(self) -> list[Path]:
        """Folders that DVC watches, which must be there even while they are empty."""
        return [Path(self.path).parent]


class SplitSection(Section):
    """How rows are divided; what remains is for training."""

    seed: int
    calibration: Annotated[float, Field(ge=0, lt=1)] = 0.0
    test: Fraction


class SearchSection(Section):
    """Values to try for each setting of the model."""

    candidates: Annotated[int, Field(ge=1)]
    folds: Annotated[int, Field(ge=2)]
    space: dict[str, list[float]]


class EvaluateSection(Section):
    """How the model is judged."""

    seed: int
    bootstrap_samples: Annotated[int, Field(ge=100)]
    importance_repeats: Annotated[int, Field(ge=1)]
    slices: list[str]
