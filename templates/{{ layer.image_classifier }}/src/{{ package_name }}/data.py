"""Pipeline stage `data`: make sure that the images are there.

Reads params.yaml (`data`); writes the folder `data.path` if it is not there. Run by `dvc repro`.
"""

from pathlib import Path

from .params import DataSection, load_params
from .source import fetch_fashion_mnist
from .sources import SourceError


def fetch(params: DataSection) -> None:
    """Fetch the images, unless the folder is there.

    Raises:
        SourceError: If there is no folder and no source.
    """
    folder = Path(params.path)
    if folder.is_dir():
        return
    if params.source is None:
        raise SourceError(f"{folder} is not there: put a folder with one subfolder for each class at this place")
    fetch_fashion_mnist(folder, params.url)


def main() -> None:
    """Get the images."""
    try:
        fetch(load_params().data)
    except SourceError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
