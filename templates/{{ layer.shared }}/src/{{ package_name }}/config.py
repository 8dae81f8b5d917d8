"""What the parameters of every project have in common, and where its files lie. `params.py` puts them together.

Reading is typed: a misspelt or impossible parameter in `params.yaml` stops the run with one clear sentence.
"""

from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

PARAMS_FILE = Path("params.yaml")
PREPARED = Path("data/prepared")
REPORTS = Path("reports")
CANDIDATE = Path("models/candidate")
CHAMPION = Path("models/champion")

Fraction = Annotated[float, Field(gt=0, lt=1)]
ParamsT = TypeVar("ParamsT", bound=BaseModel)


class Section(BaseModel):
    """Parameters of one pipeline stage; unknown names are refused."""

    model_config = ConfigDict(extra="forbid")


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
