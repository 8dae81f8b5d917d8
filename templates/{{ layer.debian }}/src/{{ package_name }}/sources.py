"""Where data come from if they are not there: the first source that has them. `source.py` names the sources."""

import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path


class SourceError(ValueError):
    """A source does not have it; the message says what was tried and how to get it by hand."""


def fetch_from_first(
    folder: Path, sources: Mapping[str, Callable[[Path], None]], check: Callable[[Path], None], by_hand: str
) -> None:
    """Fill a folder from the first source that has what it should, complete or not at all.

    Args:
        folder: Where the files shall lie; it is not there yet.
        sources: By name; each writes its files into a folder, or raises OSError, BadZipFile or SourceError.
        check: Raises SourceError if something else lies in a folder.
        by_hand: How to get it otherwise.

    Raises:
        SourceError: If no source has it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    tried = []
    for name, source in sources.items():
        with tempfile.TemporaryDirectory(dir=folder.parent) as partial:
            place = Path(partial) / "files"
            place.mkdir()
            try:
                source(place)
                check(place)
            except (OSError, SourceError, zipfile.BadZipFile) as error:
                tried.append(f"\n  - {name}: {error}")
                continue
            place.rename(folder)
            return
    raise SourceError(f"{folder} is not there, and no source has it.{''.join(tried)}\n{by_hand}")
