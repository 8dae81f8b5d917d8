"""Reading a CSV strictly: what pandas would repair or cut without a word is an error that names its row.

`source.py` calls `read_table`; rows are counted as a spreadsheet does, with the header as row 1.
"""

import csv
import re
from pathlib import Path

import pandas as pd


class DataError(ValueError):
    """The data cannot be used; the message says where and why, for a person who will mend it."""


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
