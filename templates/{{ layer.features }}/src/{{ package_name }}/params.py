"""The parameters of this pipeline, as `params.yaml` holds them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .config import PromotionSection, Section, read_params
from .sections import DataSection, EvaluateSection, SearchSection, SplitSection

# Second tables lie here, so that dvc.yaml can watch all of them at once.
SIDE_TABLES = Path("data/tables")

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Cost = Annotated[float, Field(gt=0)]


class Join(Section):
    """A second table, whose columns are added to the rows of the first: `wind` of `weather` becomes `weather_wind`.

    Attributes:
        name: What its columns begin with.
        table: The CSV.
        keys: Columns of the first table, each with the column of this one that holds the same key.
        columns: What to add.
        lookup: The service looks the columns up itself, because the table changes seldom (aircraft, airports). Without
            it a request must hold them (the weather).
    """

    name: Name
    table: str
    keys: Annotated[dict[str, str], Field(min_length=1)]
    columns: list[str]
    lookup: bool = False

    @model_validator(mode="after")
    def one_key(self) -> Self:
        """Refuse a lookup by more than one key."""
        if self.lookup and len(self.keys) != 1:
            raise ValueError(f"the lookup '{self.name}' needs exactly one key")
        return self


class TableSection(DataSection):
    """Where the tables come from.

    Attributes:
        label: A condition that makes the target, such as `arr_delay > 15`: "yes" or "no". Rows in which a column of it
            is missing are left out. Without it the target is a column of the table.
        positive: Of two classes, the one that is to be found; the rarer one where nothing is said.
        joins: More tables.
    """

    label: str | None = None
    positive: str | None = None
    joins: list[Join] = Field(default_factory=list)

    def files(self) -> list[Path]:
        """Every file that must be there before the pipeline can run."""
        return list(dict.fromkeys([Path(self.path), *(Path(join.table) for join in self.joins)]))

    def made_from(self, names: Sequence[str]) -> list[str]:
        """Columns that the target is made from: they must never reach the model."""
        return [] if self.label is None else [name for name in names if name in re.findall(r"[a-z]\w*", self.label)]

    def folders(self) -> list[Path]:
        """Folders that DVC watches, which must be there even while they are empty."""
        return [*super().folders(), SIDE_TABLES]


class PastSection(Section):
    """Shares of the classes among the rows of earlier days.

    Attributes:
        keys: Columns whose values make a group; an empty list is the group of all rows.
        windows: How many days to look back.
        forget: Share of the training days whose past is hidden, so that the model can do without it.
    """

    keys: list[list[str]]
    forget: Annotated[float, Field(ge=0, lt=1)]
    windows: list[Annotated[int, Field(ge=1)]]


class FeaturesSection(Section):
    """What the model sees.

    Attributes:
        drop: Columns that other features are computed from, and that the model does not see themselves.
        encode_above: A category with more values is encoded by the target, inside of the fold.
        past: Aggregates over the past.
    """

    drop: list[str]
    encode_above: Annotated[int, Field(ge=0)]
    past: PastSection


class TrainSection(Section):
    """How the model is trained."""

    seed: int
    class_weight: Literal["none", "balanced"]
    search: SearchSection


class DecisionSection(Section):
    """What a wrong decision costs, in any unit; for two classes.

    Attributes:
        missed: The positive class was there, and the decision was against it.
        false_alarm: The decision was for the positive class, and it was not there.
    """

    missed: Cost
    false_alarm: Cost


class Params(Section):
    """The whole file."""

    data: TableSection
    split: SplitSection
    features: FeaturesSection
    train: TrainSection
    decision: DecisionSection
    evaluate: EvaluateSection
    promotion: PromotionSection


def load_params() -> Params:
    """Read and check `params.yaml`.

    Raises:
        SystemExit: If it does not hold valid parameters; the message names the first wrong one.
    """
    return read_params(Params)
