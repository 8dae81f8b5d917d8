"""What a project says about itself: its `project.yml`, read and checked. Called by `gather.py`."""

import datetime
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

RECORD = "project.yml"

Text = Annotated[str, Field(min_length=1)]
Figure = Annotated[float, Field(allow_inf_nan=False)]
# Nothing but a web address becomes a link: an address may also be a script.
Address = Annotated[str, Field(pattern=r"^https?://[^\s<>\"]+$")]


class GatherError(Exception):
    """Something in the user's files keeps a project off the site; the message names the file and the field."""


class Strict(BaseModel):
    """Base of the records: a commit of digits only is read as text; fields of a newer template are ignored."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)


class Result(Strict):
    """A figure of the test data.

    Attributes:
        name: What was measured.
        value: The figure.
        low: Lower end of its interval.
        high: Upper end of its interval.
        baseline: What it is compared with.
        baseline_value: The same figure of the baseline.
        unit: Unit of all the figures.
        higher_is_better: Whether a larger figure is the better one.
    """

    name: Text
    value: Figure
    low: Figure | None = None
    high: Figure | None = None
    baseline: str | None = None
    baseline_value: Figure | None = None
    unit: str | None = None
    higher_is_better: bool


class Training(Strict):
    """When the model was trained, which version it has, and on how many rows it learned."""

    date: datetime.date
    version: str
    rows: int | None = None


class Record(Strict):
    """A project as its `project.yml` describes it."""

    title: Text
    summary: Text
    stage: Text
    author: str | None = None
    repository: Address | None = None
    demo: Address | None = None
    picture: str | None = None
    stack: list[str] = []
    mine: bool = False
    results: list[Result] | None = None
    trained: Training | None = None


def read_record(folder: Path) -> Record:
    """Read a project's `project.yml`.

    Raises:
        GatherError: The file is missing, is not YAML, or a field is missing or wrong; the message names it.
    """
    path = folder / RECORD
    if not path.is_file():
        raise GatherError(
            f"{RECORD} is missing. `copier update` adds it to a project of this template; any other needs one like it."
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Record.model_validate(content)
    except yaml.YAMLError as error:
        raise GatherError(f"{RECORD} is not valid YAML: {error}") from error
    except UnicodeDecodeError as error:
        raise GatherError(f"{RECORD} is not UTF-8 text.") from error
    except ValidationError as error:
        problems = "; ".join(f"{field_name(entry['loc'])}: {entry['msg']}" for entry in error.errors())
        raise GatherError(f"{RECORD}: {problems}") from error


def field_name(location: tuple[Any, ...]) -> str:
    """Return where a field stands, as in `results[0].value`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).removeprefix(".") or "the file"
