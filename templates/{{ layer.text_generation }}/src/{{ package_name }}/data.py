"""Pipeline stage `data`: make sure that the texts are there.

Reads params.yaml (`data`); writes the folder `data.path` if nothing is there. Run by `dvc repro`.
"""

from pathlib import Path

from .params import DataSection, load_params
from .source import SourceError, fetch_sotu


def fetch(params: DataSection) -> None:
    """Fetch the texts, unless they are there.

    Raises:
        SourceError: If nothing is there and there is no source.
    """
    place = Path(params.path)
    if place.exists():
        return
    if params.source is None:
        raise SourceError(f"{place} is not there: put a text file, or a folder of them, at this place")
    fetch_sotu(place)


def main() -> None:
    """Get the texts."""
    try:
        fetch(load_params().data)
    except SourceError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
