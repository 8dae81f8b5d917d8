"""From rows to the matrix that the model reads. Training and serving both come through here.

Every row passes the same four steps: columns as given, lookups, recipes (`recipes.py`), aggregates over the past
(`history.py`). A `Plan` says which of the results the model sees, in which order: numbers first, NaN where a value is
missing, then categories, which an encoder turns into numbers.

Numbers are rounded to single precision before training, because the service computes in it: the model then sees
the very same values in both places.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel

from .contract import Column
from .encoding import MISSING, Encoding, Matrix, look_up
from .history import History, Past
from .lookups import Columns, Lookup, LookupTable
from .recipes import RAW_TIME, RECIPES, TIME, Recipe, apply, available

if TYPE_CHECKING:  # the service has no pandas
    import pandas as pd


# The group of the columns that come from no join.
MAIN_TABLE = "table"
PAST = "past"


class Feature(BaseModel):
    """One thing that the model sees.

    Attributes:
        name: A column of the contract or of a lookup, a recipe, or an aggregate over the past.
        group: Where it comes from. Groups are left out together in the ablation, and explained together (but the
            columns of the main table one by one).
        kind: `number`, `category` (a code for each value) or `encoded` (replaced by the share of each class).
    """

    name: str
    group: str
    kind: Literal["number", "category", "encoded"]


class Plan(BaseModel):
    """What the model sees, in order: numbers, categories, encoded categories."""

    features: list[Feature]

    def names(self, *kinds: str) -> list[str]:
        """Return the names of the features of some kinds, or of all."""
        return [feature.name for feature in self.features if not kinds or feature.kind in kinds]

    def positions(self, kind: str) -> range:
        """Return where the features of a kind stand."""
        places = [place for place, feature in enumerate(self.features) if feature.kind == kind]
        return range(places[0], places[-1] + 1) if places else range(0)

    def groups(self) -> list[str]:
        """Return the groups, in order of their first feature."""
        return list(dict.fromkeys(feature.group for feature in self.features))

    def without(self, group: str) -> "Plan":
        """Return the plan without a group."""
        return Plan(features=[feature for feature in self.features if feature.group != group])


class Features:
    """Computes what a plan names, from the rows of a request or from a table.

    Attributes:
        plan: What is computed.
        numeric: Names of the numeric features, which come first.
        past: Aggregates over the past; None where the plan has none.
        tables: Of the encoders; empty before training.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        plan: Plan,
        lookups: Sequence[Lookup],
        history: History | None,
        encodings: Sequence[Encoding] = (),
    ) -> None:
        self.columns = columns
        self.time = next((column.name for column in columns if column.kind == "time"), None)
        self.plan = plan
        self.lookups = [LookupTable(lookup) for lookup in lookups]
        self.tables = [encoding.tables() for encoding in encodings]
        self.numeric = plan.names("number")
        self.texts = plan.names("category", "encoded")
        wanted = set(plan.names())
        self.recipes = needed_recipes(wanted, computable_from(columns, lookups))
        self.past = None if history is None or wanted.isdisjoint(history.names()) else Past(history)

    def compute(self, columns: Columns) -> Columns:
        """Add everything that can be computed to the columns of some rows, and return them.

        Args:
            columns: One array of shape (rows,) for each column of the contract: float64 with NaN, text or None,
                or datetime64.
        """
        for lookup in self.lookups:
            columns |= lookup.take(columns)
        if self.time is not None:
            columns[TIME] = columns[self.time]
        apply(self.recipes, columns)
        if self.past is not None:
            columns |= self.past.compute(columns, columns[TIME])
        return columns

    def given(self, rows: Sequence[Mapping[str, Any]]) -> Columns:
        """Turn the rows of a request into columns.

        Args:
            rows: Mappings that hold every column of the contract; None where a value is missing.

        Raises:
            KeyError: If a row lacks a column.
        """
        dtypes: dict[str, Any] = {"number": np.float64, "category": np.object_, "time": "datetime64[s]"}
        return {c.name: np.array([row[c.name] for row in rows], dtypes[c.kind]) for c in self.columns}

    def from_rows(self, rows: Sequence[Mapping[str, Any]]) -> Matrix:
        """Compute the matrix of a request.

        Raises:
            KeyError: If a row lacks a column.
        """
        return self.matrix(self.compute(self.given(rows)))

    def from_frame(self, frame: "pd.DataFrame") -> Matrix:
        """Compute the matrix of a table; equal to `from_rows` on the same rows.

        Raises:
            KeyError: If the table lacks a column.
        """
        return self.matrix(self.compute(columns_of(frame, self.columns)))

    def matrix(self, computed: Columns) -> Matrix:
        """Put computed columns side by side, categories encoded: shape (rows, columns of the matrix)."""
        rows = len(next(iter(computed.values())))
        numbers = [computed[name] for name in self.numeric]
        matrix = np.array(numbers, dtype=np.float32).reshape(len(numbers), rows).T
        codes = look_up((computed[name].tolist() for name in self.texts), self.tables, rows)
        return np.hstack([matrix, codes])

    def table(self, frame: "pd.DataFrame") -> "pd.DataFrame":
        """Compute what the scikit-learn pipelines read: the same numbers first, then categories as text."""
        import pandas as pd

        computed = self.compute(columns_of(frame, self.columns))
        numbers = {name: computed[name].astype(np.float32) for name in self.numeric}
        texts = {name: pd.Series(computed[name], dtype=object).fillna(MISSING) for name in self.texts}
        return pd.DataFrame(numbers | texts)


def columns_of(frame: "pd.DataFrame", columns: Sequence[Column]) -> Columns:
    """Take the columns of the contract out of a table, as `Features.compute` wants them."""
    arrays: Columns = {}
    for column in columns:
        values = frame[column.name]
        if column.kind == "number":
            arrays[column.name] = values.to_numpy(dtype=np.float64, na_value=np.nan)
        elif column.kind == "time":
            arrays[column.name] = values.to_numpy(dtype="datetime64[s]")
        else:
            arrays[column.name] = values.astype(object).where(values.notna(), None).to_numpy()
    return arrays


def needed_recipes(wanted: set[str], given: set[str]) -> list[str]:
    """Return the recipes that are wanted, and those that they need; what is given is not computed."""
    needed = wanted - given
    for recipe in reversed(RECIPES):
        if recipe.name in needed:
            needed |= set(recipe.needs) - given
    return [recipe.name for recipe in (*RECIPES, *RAW_TIME) if recipe.name in needed]


def as_given(columns: Sequence[Column], lookups: Sequence[Lookup], joins: Sequence[str]) -> list[Feature]:
    """Return everything that is known without a computation; the group is the join that a column comes from.

    Args:
        columns: Of the contract.
        lookups: Side tables that travel with the model.
        joins: Names of all joins.
    """
    known = []
    for column in columns:
        group = next((name for name in joins if column.name.startswith(f"{name}_")), MAIN_TABLE)
        if column.kind != "time":
            known.append(Feature(name=column.name, group=group, kind=column.kind))
    for lookup in lookups:
        known += [Feature(name=field.name, group=lookup.name, kind=field.kind) for field in lookup.fields]
    return known


def computed_by(recipes: tuple[Recipe, ...], columns: Sequence[Column], lookups: Sequence[Lookup]) -> list[Feature]:
    """Return the features of the recipes that can be computed."""
    usable = available(recipes, computable_from(columns, lookups))
    return [Feature(name=recipe.name, group=recipe.group, kind="number") for recipe in usable]


def in_order(features: Sequence[Feature]) -> Plan:
    """Return the plan of these features: numbers first, as the matrix has them."""
    kinds = ("number", "category", "encoded")
    return Plan(features=[feature for kind in kinds for feature in features if feature.kind == kind])


def full_plan(
    columns: Sequence[Column],
    lookups: Sequence[Lookup],
    joins: Sequence[str],
    history: History | None,
    drop: Sequence[str],
    encode: Sequence[str],
) -> Plan:
    """Return the plan of the model: everything that can be computed.

    Args:
        columns: Of the contract.
        lookups: Side tables that travel with the model.
        joins: Names of all joins.
        history: Counts of the past.
        drop: What shall not be seen.
        encode: Categories that are encoded by the target.
    """
    features = as_given(columns, lookups, joins) + computed_by(RECIPES, columns, lookups)
    seen = [feature for feature in features if feature.name not in drop]
    seen += [Feature(name=name, group=PAST, kind="number") for name in (history.names() if history else [])]
    return in_order([f.model_copy(update={"kind": "encoded"}) if f.name in encode else f for f in seen])


def raw_plan(columns: Sequence[Column], lookups: Sequence[Lookup]) -> Plan:
    """Return the plan of the baselines: the raw join, column by column, and the parts of the time."""
    return in_order(as_given(columns, lookups, []) + computed_by(RAW_TIME, columns, lookups))


def computable_from(columns: Sequence[Column], lookups: Sequence[Lookup]) -> set[str]:
    """Return the names that recipes may need and that are there."""
    names = {TIME if column.kind == "time" else column.name for column in columns}
    return names | {field.name for lookup in lookups for field in lookup.fields}
