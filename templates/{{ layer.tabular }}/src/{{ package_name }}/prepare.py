"""Pipeline stage `prepare`: check the raw table against its contract and split it.

Reads the raw CSV, schema.yaml and params.yaml (`data`, `split`); writes data/prepared/{train,calibration,test}.parquet
and the notes on data quality in reports/. Run by `dvc repro`.

Rows that have a time are split by it: the oldest for training, the newest for testing, as the model will be used. The
same rows, split at random, then lie in data/prepared/random/, to show the difference.
"""

import difflib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
from numpy.typing import NDArray
from pandera.errors import SchemaErrors

from .config import PREPARED, REPORTS
from .contract import LARGEST_NUMBER, LONGEST_TEXT, Contract
from .data import is_about, load_contract, read_by_contract
from .params import load_params
from .reading import DataError
from .sections import SplitSection
from .target import notes_on_target, target_column

PARTS = ("train", "calibration", "test")
# Values further from the median than this many interquartile ranges are named in the notes.
FAR_OUT = 5


def pandera_schema(contract: Contract) -> pa.DataFrameSchema:
    """Build the pandera schema of a contract."""
    columns: dict[str, pa.Column] = {}
    for column in contract.columns:
        if column.kind == "number":
            lowest = -LARGEST_NUMBER if column.minimum is None else column.minimum
            checks = pa.Check.in_range(lowest, LARGEST_NUMBER, error=f"a number from {lowest:g}")
            columns[column.name] = pa.Column(float, checks, nullable=column.nullable, coerce=True)
        elif column.kind == "time":
            columns[column.name] = pa.Column("datetime64[s]", coerce=True)
        else:
            checks = pa.Check.str_length(max_value=LONGEST_TEXT, error="a short text")
            columns[column.name] = pa.Column(str, checks, nullable=column.nullable, coerce=True)
    columns[contract.target] = target_column()
    # Leaks stay in the table, unchecked, so that evaluation can show what they would have pretended.
    columns |= {name: pa.Column(required=False, nullable=True) for name in contract.leaks}
    return pa.DataFrameSchema(columns, strict="filter")


def check(table: pd.DataFrame, contract: Contract, source: str) -> pd.DataFrame:
    """Return the columns of the contract with their types.

    Raises:
        DataError: If anything is wrong; the message names column, row and value of the first problem.
    """
    try:
        return pandera_schema(contract).validate(table, lazy=True)
    except SchemaErrors as error:
        raise DataError(describe(error, table, contract, source)) from error


def describe(error: SchemaErrors, table: pd.DataFrame, contract: Contract, source: str) -> str:
    """Say in one line what is wrong first, and how much more there is."""
    cases = error.failure_cases
    missing = [str(name) for name in cases.loc[cases["check"] == "column_in_dataframe", "failure_case"]]
    if missing:
        near = difflib.get_close_matches(missing[0], list(map(str, table.columns)), n=3) or table.columns[:10]
        return f"{source}: column '{missing[0]}' is missing (there are, among others: {', '.join(near)})"
    cases = cases[cases["index"].notna()].sort_values("index", kind="stable")
    cases = cases.drop_duplicates(["column", "index"])
    first = cases.iloc[0]
    column, row = str(first["column"]), int(first["index"])
    value = table[column].loc[row]
    if pd.isna(value):
        problem = "the value is missing, but schema.yaml does not allow that (nullable)"
    elif str(first["check"]).startswith(("coerce_dtype", "dtype")):
        problem = f"{value!r} is not a {'time such as 2024-05-31T17:05' if column == contract.time() else 'number'}"
    else:
        problem = f"{value!r} is not {first['check']}"
    more = f" (and {len(cases) - 1} more problems)" if len(cases) > 1 else ""
    # Row 1 is the header, as a spreadsheet counts.
    return f"{source}: column '{column}', row {row + 2}: {problem}{more}"


def keep_rows(table: pd.DataFrame, query: str | None) -> pd.DataFrame:
    """Return the rows that a pandas query selects; all of them without one.

    Raises:
        DataError: If the query is wrong or selects nothing.
    """
    if query is None:
        return table
    try:
        kept = table.query(query, engine="python")
    except Exception as error:  # pandas raises many kinds for a wrong query; all mean the same to the user
        raise DataError(f"params.yaml: 'data.rows': {query!r} does not fit the table: {error}") from error
    if kept.empty:
        raise DataError(f"params.yaml: 'data.rows': no row fits {query!r}")
    return kept


def split_by_hash(table: pd.DataFrame, params: SplitSection) -> dict[str, pd.DataFrame]:
    """Divide rows by a hash of their content.

    A row keeps its part when other rows come or go, so that a new model is not tested on rows which the old one was
    trained on; and equal rows share a part, so that no test row has a twin in training.

    Raises:
        DataError: If a part stays empty.
    """
    key = f"{params.seed:016d}"
    hashes = pd.util.hash_pandas_object(table, index=False, hash_key=key).to_numpy()
    position = hashes.astype(np.float64) / 2.0**64  # uniform in [0, 1)
    return divide(table, 1 - position, params)


def split_by_time(table: pd.DataFrame, time: str, params: SplitSection) -> dict[str, pd.DataFrame]:
    """Divide rows by the day of their time: the newest days for testing, the days before them for calibration.

    A day is never cut in two: what happens on one day has common causes, such as its weather.

    Raises:
        DataError: If a part stays empty.
    """
    ordered = table.sort_values(time, kind="stable", ignore_index=True)
    days = ordered[time].dt.normalize()
    # The share of rows on earlier days, the same for all rows of a day.
    position = days.rank(method="min").sub(1).to_numpy(dtype=np.float64) / len(ordered)
    return divide(ordered, position, params)


def divide(table: pd.DataFrame, position: NDArray[np.float64], params: SplitSection) -> dict[str, pd.DataFrame]:
    """Divide rows by their position from 0 to 1: training first, then calibration, then test.

    Raises:
        DataError: If a part stays empty.
    """
    is_test = position >= 1 - params.test
    is_calibration = ~is_test & (position >= 1 - params.test - params.calibration)
    masks = {"train": ~is_test & ~is_calibration, "calibration": is_calibration, "test": is_test}
    names = [name for name in PARTS if name != "calibration" or params.calibration > 0]
    parts = {name: table[masks[name]].reset_index(drop=True) for name in names}
    empty = [name for name, part in parts.items() if part.empty]
    if empty:
        raise DataError(f"no rows for: {', '.join(empty)}; the table is too small ({len(table)} rows)")
    return parts


def quality_notes(table: pd.DataFrame, contract: Contract) -> dict[str, object]:
    """Collect what a person should know about the data before trusting a model of it."""
    numbers = table[contract.numeric()]
    spread = numbers.quantile(0.75) - numbers.quantile(0.25)
    far = ((numbers - numbers.median()).abs() > FAR_OUT * spread) & (spread > 0)
    missing = table.isna().mean()
    return {
        "rows": len(table),
        "features": len(contract.columns),
        "duplicate_rows": int(table.duplicated().sum()),
        "missing_share": {
            str(name): round(float(share), 4)
            for name, share in missing[missing > 0].sort_values(ascending=False).items()
        },
        "far_out_values": {str(n): int(count) for n, count in far.sum().items() if count},
        "rare_categories": {name: int((table[name].value_counts() < 10).sum()) for name in contract.categorical()},
        "target": notes_on_target(table[contract.target]),
        "ignored_columns": contract.ignore | contract.leaks,
    }


def write_parts(folder: Path, parts: dict[str, pd.DataFrame]) -> None:
    """Write the parts as Parquet files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        part.to_parquet(folder / f"{name}.parquet", index=False)


def main() -> None:
    """Read, check, split and write."""
    params = load_params()
    try:
        contract = load_contract()
        if not is_about(contract, params.data):
            raise DataError("schema.yaml is about other data than params.yaml: run `uv run poe train`")
        raw = read_by_contract(params.data, contract)
        table = keep_rows(check(raw, contract, contract.source), params.data.rows)
        time = contract.time()
        at_random = split_by_hash(table, params.split)
        parts = at_random if time is None else split_by_time(table, time, params.split)
    except DataError as error:
        raise SystemExit(f"error: {error}") from error
    write_parts(PREPARED, parts)
    if time is not None:
        write_parts(PREPARED / "random", at_random)
    REPORTS.mkdir(exist_ok=True)
    notes = quality_notes(table, contract) | {"split": {name: len(part) for name, part in parts.items()}}
    (REPORTS / "data_quality.json").write_text(json.dumps(notes, indent=2) + "\n", encoding="utf-8")
    print(f"{len(table)} rows: " + ", ".join(f"{len(part)} {name}" for name, part in parts.items()))


if __name__ == "__main__":
    main()
