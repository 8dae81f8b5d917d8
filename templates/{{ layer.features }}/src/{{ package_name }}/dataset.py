"""The prepared data of this stage with everything that features are computed from; train, evaluate and ablation use it.

It puts together what `features.py` needs: the parts, the classes, the lookups and the history.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .config import PREPARED
from .contract import Contract
from .data import load_contract
from .decision import Codes, Policy, make_policy
from .features import PAST, Features, Plan, columns_of, full_plan, raw_plan
from .history import History, count
from .lookups import Lookup, LookupField
from .params import Join, Params
from .reading import column_name
from .source import side_table


@dataclass(frozen=True)
class Dataset:
    """Prepared parts and what belongs to them.

    Attributes:
        contract: Of the table.
        parts: Rows of `train` and `test`.
        policy: Classes and what errors cost.
        lookups: Side tables.
        history: Counts of the past; None for a table without time.
        plan: What the model sees.
        raw: What the baselines see.
    """

    contract: Contract
    parts: dict[str, pd.DataFrame]
    policy: Policy
    lookups: list[Lookup]
    history: History | None
    plan: Plan
    raw: Plan

    def truth(self, part: str) -> Codes:
        """Return the class of each row of a part, as its place among the classes."""
        return codes_of(self.parts[part][self.contract.target], self.policy.classes)

    def features(self, plan: Plan | None = None, history: History | None = None) -> Features:
        """Return what computes the features of a plan; the model's plan and history where nothing is said."""
        return Features(self.contract.columns, plan or self.plan, self.lookups, history or self.history)

    def training_table(self, forget: float, seed: int) -> pd.DataFrame:
        """Compute the features of the training rows, and hide the past on some days.

        Args:
            forget: Share of the days.
            seed: Makes the draw repeatable.
        """
        train = self.parts["train"]
        table = self.features().table(train)
        past = [feature.name for feature in self.plan.features if feature.group == PAST]
        days = self.days("train")
        if past and days is not None:
            distinct, each = np.unique(days, return_inverse=True)
            hidden = np.random.default_rng(seed).random(len(distinct)) < forget
            table.loc[hidden[each], past] = np.nan
        return table

    def days(self, part: str) -> NDArray[np.datetime64] | None:
        """Return the day of each row of a part; None for a table without time."""
        time = self.contract.time()
        return None if time is None else self.parts[part][time].to_numpy("datetime64[D]")

    def history_of(self, *parts: str) -> History | None:
        """Count the past in some parts only; None for a table without time."""
        if self.history is None:
            return None
        keys = [counts.columns for counts in self.history.counts]
        rows = pd.concat([self.parts[part] for part in parts], ignore_index=True)
        return history_of(rows, self.contract, self.policy, keys, self.history.windows)


def codes_of(target: pd.Series, classes: list[str]) -> Codes:
    """Return the place of each class.

    Raises:
        SystemExit: If there is a class that is not in the list.
    """
    codes = pd.Categorical(target, categories=classes).codes.astype(np.int64)
    if (codes < 0).any():
        raise SystemExit(f"error: the class {target[codes < 0].iloc[0]!r} is in no training row: take more rows")
    return codes


def load_dataset(params: Params, folder: Path = PREPARED) -> Dataset:
    """Read the prepared parts and put together what features need.

    Raises:
        SystemExit: If the data do not fit the parameters; the message says where.
    """
    contract = load_contract()
    parts = {part: pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "test")}
    target = parts["train"][contract.target]
    classes = sorted(target.unique())
    cost = params.decision
    try:
        policy = make_policy(classes, params.data.positive, codes_of(target, classes), cost.missed, cost.false_alarm)
    except ValueError as error:
        raise SystemExit(f"error: params.yaml: {error}") from error
    joins = params.data.joins
    lookups = [lookup_of(join) for join in joins if join.lookup]
    everything = pd.concat(parts.values(), ignore_index=True)
    history = None
    if contract.time() is not None:
        history = history_of(everything, contract, policy, params.features.past.keys, params.features.past.windows)
    encode = many_valued(parts["train"], contract, lookups, params.features.encode_above)
    names = [join.name for join in joins]
    plan = full_plan(contract.columns, lookups, names, history, params.features.drop, encode)
    return Dataset(contract, parts, policy, lookups, history, plan, raw_plan(contract.columns, lookups))


def history_of(
    rows: pd.DataFrame, contract: Contract, policy: Policy, keys: Iterable[list[str]], windows: list[int]
) -> History:
    """Count the past of some rows: the positive class, or each class where there are more than two."""
    time = str(contract.time())
    if policy.positive is None:
        tracked = {name: (place, f"_{column_name(name)}") for place, name in enumerate(policy.classes)}
    else:
        tracked = {policy.classes[policy.positive]: (policy.positive, "")}
    columns = columns_of(rows, contract.columns)
    return count(columns, columns[time], rows[contract.target].to_numpy(), tracked, list(keys), windows)


def lookup_of(join: Join) -> Lookup:
    """Read a side table that travels with the model."""
    (header,) = join.keys
    table = side_table(join, [])
    table = table[table.index.notna()]
    fields = []
    for name in map(str, table.columns):
        values = table[name]
        known = values.astype(object).where(values.notna(), None).tolist()
        kind: Literal["number", "category"] = "number" if pd.api.types.is_numeric_dtype(values) else "category"
        fields.append(LookupField(name=name, kind=kind, values=known))
    return Lookup(name=join.name, column=column_name(header), keys=[str(key) for key in table.index], fields=fields)


def many_valued(train: pd.DataFrame, contract: Contract, lookups: list[Lookup], most: int) -> list[str]:
    """Return the categories that have more different values than that."""
    sizes = {name: train[name].nunique() for name in contract.categorical()}
    sizes |= {
        field.name: len(set(field.values)) for lookup in lookups for field in lookup.fields if field.kind == "category"
    }
    return [name for name, size in sizes.items() if size > most]
