"""Pipeline stage `data`: get the raw table, and write its contract if there is none yet.

Reads params.yaml (`data`); writes the raw CSV and `schema.yaml`. Run by `dvc repro`. When columns changed on purpose,
`uv run poe contract` writes schema.yaml again.
"""

import re
import sys
from pathlib import Path

import pandas as pd
import yaml

from .contract import Column, Contract
from .download import download
from .params import TableSection, load_params
from .reading import DataError, column_name
from .sections import CONTRACT_FILE
from .source import SourceError, packaged_tables, read_raw
from .target import TARGET_IS_TEXT, flaw_of_target

# More different texts than this, or one for every second row, and a text column cannot be learned from.
MOST_CATEGORIES = 200


def fetch(params: TableSection) -> None:
    """Make sure that the raw files are there: kept if they are, else downloaded, else taken from a package.

    Every file is written under another name first, so that a broken download never looks like data.

    Raises:
        DataError: If every source fails; the message says what was tried.
    """
    path = Path(params.path)
    for folder in params.folders():
        folder.mkdir(parents=True, exist_ok=True)
    tried = []
    if not path.exists() and params.url is not None:
        try:
            download(params.url, params.sha256, path)
        except OSError as error:
            tried.append(f"{params.url}: {error}")
    missing = [file for file in params.files() if not file.exists()]
    if missing and params.package is not None:
        try:
            tables = packaged_tables(params)
        except SourceError as error:
            tried.append(f"package '{params.package}': {error}")
        else:
            for file in missing:
                write_csv(tables[file], file)
            return
    if missing:
        reasons = "".join(f"\n  - {reason}" for reason in tried)
        raise DataError(f"{missing[0]} is not there, and no source has it.{reasons}\nPut the file there.")


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    table.to_csv(partial, index=False, lineterminator="\n")
    partial.replace(path)


def write_contract(table: pd.DataFrame, params: TableSection) -> Contract:
    """Derive a contract from a table that a person has looked at.

    Numbers stay numbers; a column without negative values keeps that as its minimum; what is missing somewhere may be
    missing later. Row identifiers, constants, dates and free text are put on the ignore list, with the reason.

    Raises:
        DataError: If the target or the time is not there or not usable.
    """
    target = existing_column(table, "target", params.target, params.path)
    time = None if params.time is None else existing_column(table, "time", params.time, params.path)
    flaw = flaw_of_target(table[target])
    if flaw is not None:
        raise DataError(f"{params.path}: column '{target}'{flaw}")
    ignore: dict[str, str] = {}
    leaks = dict.fromkeys(params.made_from(list(map(str, table.columns))), "the target is made from it")
    columns = []
    for name in map(str, table.columns.drop([target, *leaks])):
        values = table[name]
        if name == time:
            columns.append(Column(name=name, kind="time"))
            continue
        reason = reason_to_ignore(name, values)
        if reason is not None:
            ignore[name] = reason
        elif pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            minimum = 0.0 if values.min() >= 0 else None
            nullable = bool(values.isna().any())
            columns.append(Column(name=name, kind="number", nullable=nullable, minimum=minimum))
        else:
            columns.append(Column(name=name, kind="category", nullable=bool(values.isna().any())))
    if not [column for column in columns if column.kind != "time"]:
        raise DataError(f"{params.path}: no column is left to predict '{target}' from")
    return Contract(source=params.path, target=target, ignore=ignore, leaks=leaks, columns=columns)


def existing_column(table: pd.DataFrame, setting: str, header: str, source: str) -> str:
    """Return the normalised name of a column that params.yaml names.

    Raises:
        DataError: If the table has no such column.
    """
    name = column_name(header)
    if name not in table:
        raise DataError(
            f"{source}: no column '{header}' (data.{setting} in params.yaml); "
            f"there are {', '.join(map(str, table.columns))}"
        )
    return name


def reason_to_ignore(name: str, values: pd.Series) -> str | None:
    """Say why a column cannot help a model, or None if it may."""
    distinct = values.nunique(dropna=False)  # present or missing may be all that a column says, and may be enough
    if distinct <= 1:
        return "the same value everywhere"
    if pd.api.types.is_numeric_dtype(values):
        counts_rows = values.notna().all() and (values.diff().iloc[1:] == 1).all()
        named_so = re.search(r"(^|_)(p?id|uuid|index|row|rownames)$", name) is not None
        if counts_rows or (named_so and distinct == len(values)):
            return "a row identifier"
        return None
    if distinct > min(MOST_CATEGORIES, len(values) / 2):
        return f"{distinct} different texts (identifiers, dates or free text need a feature of their own)"
    return None


def load_contract(path: Path = CONTRACT_FILE) -> Contract:
    """Read the contract.

    Raises:
        DataError: If it is not there or broken; the message names the wrong entry.
    """
    try:
        return Contract.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise DataError(f"{path} is not a data contract: {error}") from error


def is_about(contract: Contract, params: TableSection) -> bool:
    """Tell whether a contract was written for this file, target and time."""
    time = None if params.time is None else column_name(params.time)
    return (contract.source, contract.target, contract.time()) == (params.path, column_name(params.target), time)


def read_for_contract(params: TableSection) -> pd.DataFrame:
    """Read the raw table before there is a contract for it."""
    text = [header for header in (params.time, params.target if TARGET_IS_TEXT else None) if header is not None]
    return read_raw(params, [column_name(header) for header in text])


def read_by_contract(params: TableSection, contract: Contract) -> pd.DataFrame:
    """Read the raw table: what the contract calls a category stays text, even if it looks like a number."""
    text = [contract.time(), contract.target if TARGET_IS_TEXT else None, *contract.categorical()]
    return read_raw(params, [name for name in text if name is not None])


def save_contract(contract: Contract, path: Path = CONTRACT_FILE) -> None:
    """Write the contract as YAML, one line for each column."""
    lines = [
        "# The data contract: what a table must look like before a model is trained on it.",
        "# It is yours: correct kinds, add descriptions (they appear in the API docs), move columns to `ignore`.",
        yaml.safe_dump(
            contract.model_dump(include={"source", "target", "ignore"} | ({"leaks"} if contract.leaks else set())),
            sort_keys=False,
            allow_unicode=True,
            width=1000,
        ).strip(),
        "columns:",
    ]
    for column in contract.columns:
        entry = yaml.safe_dump(
            column.model_dump(exclude_defaults=True),
            default_flow_style=True,
            sort_keys=False,
            allow_unicode=True,
            width=1000,
        )
        lines.append(f"  - {entry.strip()}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def table_to_explore() -> tuple[Contract, pd.DataFrame]:
    """Return contract and raw table for the notebook, which may be opened before the pipeline has run."""
    params = load_params().data
    fetch(params)
    contract = load_contract() if CONTRACT_FILE.exists() else None
    if contract is None or not is_about(contract, params):
        contract = write_contract(read_for_contract(params), params)
    return contract, read_by_contract(params, contract)


def main() -> None:
    """Get the data; write a contract if there is none for it, or if asked to."""
    params = load_params().data
    try:
        fetch(params)
        asked = "--new-contract" in sys.argv[1:]
        if asked or not CONTRACT_FILE.exists() or not is_about(load_contract(), params):
            save_contract(write_contract(read_for_contract(params), params))
            print(f"Wrote {CONTRACT_FILE} from {params.path}. Please read it: it is the data contract.")
    except DataError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
