"""What the parameters of every table project have in common, and where its files lie. `params.py` puts them together.

Reading is typed: a misspelt or impossible parameter in `params.yaml` stops the run with one clear sentence.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

PARAMS_FILE = Path("params.yaml")
CONTRACT_FILE = Path("schema.yaml")
PREPARED = Path("data/prepared")
REPORTS = Path("reports")
CANDIDATE = Path("models/candidate")
CHAMPION = Path("models/champion")

Fraction = Annotated[float, Field(gt=0, lt=1)]
ParamsT = TypeVar("ParamsT", bound=BaseModel)


class Section(BaseModel):
    """Parameters of one pipeline stage; unknown names are refused."""

    model_config = ConfigDict(extra="forbid")


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


class PromotionSection(Section):
    """When a new model replaces the one in service."""

    minimum_improvement: Annotated[float, Field(ge=0, lt=1)]


def read_params(model: type[ParamsT], path: Path = PARAMS_FILE) -> ParamsT:
    """Read and check the parameters.

    Raises:
        SystemExit: If the file does not hold valid parameters; the message names the first wrong one.
    """
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise SystemExit(f"error: {path} is not valid YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SystemExit(f"error: {path}: '{where}': {first['msg']}") from error
