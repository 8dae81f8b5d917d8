"""Pipeline stage `data`: make sure that the documents are there.

Reads params.yaml (`data`); writes the folder `data.path` if nothing is there. Run by `dvc repro`.
"""

from pathlib import Path

from .params import DataSection, load_params
from .source import fetch_python_docs
from .sources import SourceError


def fetch(params: DataSection) -> None:
    """Fetch the documents, unless they are there.

    Raises:
        SourceError: If nothing is there and no source has it.
    """
    folder = Path(params.path)
    if folder.exists():
        return
    if params.source is None:
        raise SourceError(f"{folder} is not there: put your documents into this folder")
    fetch_python_docs(folder, params.url)


def main() -> None:
    """Get the documents."""
    try:
        fetch(load_params().data)
    except SourceError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
