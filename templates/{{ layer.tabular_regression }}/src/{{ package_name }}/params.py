"""The parameters of the pipeline, and where its files lie.

Reading is typed: a misspelt or impossible parameter in `params.yaml` stops the run with one clear sentence.
"""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

PARAMS_FILE = Path("params.yaml")
CONTRACT_FILE = Path("schema.yaml")
PREPARED = Path("data/prepared")
REPORTS = Path("reports")
CANDIDATE = Path("models/candidate")
CHAMPION = Path("models/champion")

Fraction = Annotated[float, Field(gt=0, lt=1)]


class Section(BaseModel):
    """Parameters of one pipeline stage; unknown names are refused."""

    model_config = ConfigDict(extra="forbid")


class DataParams(Section):
    """Where the table comes from."""

    path: str
    target: str
    url: str | None = None
    sha256: str | None = None
    package: str | None = None
    rows: str | None = None


class SplitParams(Section):
    """How rows are divided; what remains is for training."""

    seed: int
    calibration: Fraction
    test: Fraction


class SearchParams(Section):
    """Values to try for each setting of the model."""

    candidates: Annotated[int, Field(ge=1)]
    folds: Annotated[int, Field(ge=2)]
    space: dict[str, list[float]]


class TrainParams(Section):
    """How the model is trained."""

    seed: int
    target_scale: Literal["auto", "log", "linear"]
    interval_level: Fraction
    search: SearchParams


class EvaluateParams(Section):
    """How the model is judged."""

    seed: int
    bootstrap_samples: Annotated[int, Field(ge=100)]
    importance_repeats: Annotated[int, Field(ge=1)]
    slices: list[str]


class PromotionParams(Section):
    """When a new model replaces the one in service."""

    minimum_improvement: Annotated[float, Field(ge=0, lt=1)]


class Params(Section):
    """The whole file."""

    data: DataParams
    split: SplitParams
    train: TrainParams
    evaluate: EvaluateParams
    promotion: PromotionParams


def load_params(path: Path = PARAMS_FILE) -> Params:
    """Read and check the parameters.

    Raises:
        SystemExit: If the file does not hold valid parameters; the message names the first wrong one.
    """
    try:
        return Params.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise SystemExit(f"error: {path} is not valid YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SystemExit(f"error: {path}: '{where}': {first['msg']}") from error
