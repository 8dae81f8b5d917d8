"""Where the Python documentation comes from: its official archive, or a package of Debian and Ubuntu.

`data.py` asks here when the folder is not there. Both hold the sources of the pages as the documentation's authors
wrote them, in reStructuredText. Copyright Python Software Foundation, PSF licence; its examples are under the Zero
Clause BSD licence.
"""

import zipfile
from pathlib import Path, PurePosixPath

from .debian import content_of
from .download import download
from .sources import SourceError, fetch_from_first

PARTS = ("faq", "howto", "tutorial")
PACKAGE = "python3.11-doc"
# Of version 3.11.2, which the package holds, too.
LEAST_FILES = 40


def fetch_python_docs(folder: Path, url: str) -> None:
    """Put the sources of tutorial, how-tos and FAQ into a folder, complete or not at all.

    Args:
        folder: Where they shall lie; it is not there yet.
        url: The archive of the documentation as web pages, which holds their sources.

    Raises:
        SourceError: If no source has them.
    """
    fetch_from_first(
        folder,
        {url: lambda place: from_archive(url, place), f"the package {PACKAGE}": from_package},
        check,
        f"Download {url} with a browser and put the folders {', '.join(PARTS)} of its folder _sources into {folder}; "
        "on Debian or Ubuntu `sudo apt-get update` may be all that is missing. Or put documents of your own there.",
    )


def from_archive(url: str, folder: Path) -> None:
    """Download the archive and take the sources out of it.

    Raises:
        OSError: If the address does not answer.
        BadZipFile: If what comes is no archive.
    """
    path = folder.parent / "documentation.zip"
    download(url, None, path)
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            *_, above, part, name = PurePosixPath("-/-", member.filename).parts
            if above == "_sources" and part in PARTS and not member.is_dir():
                keep(folder, part, name, archive.read(member))


def from_package(folder: Path) -> None:
    """Take the sources out of a package of Debian or Ubuntu.

    Raises:
        OSError: If apt-get or dpkg-deb fails.
        SourceError: If this is another system.
    """
    with content_of(PACKAGE, folder.parent) as content:
        for part in PARTS:
            for path in content.glob(f"usr/share/doc/*/html/_sources/{part}/*.rst.txt"):
                keep(folder, part, path.name, path.read_bytes())


def keep(folder: Path, part: str, name: str, content: bytes) -> None:
    """Write one of the files."""
    (folder / part).mkdir(exist_ok=True)
    (folder / part / name).write_bytes(content)


def check(folder: Path) -> None:
    """Look whether all parts are there.

    Raises:
        SourceError: If something is missing.
    """
    found = len(list(folder.rglob("*.rst.txt")))
    if any(not (folder / part).is_dir() for part in PARTS) or found < LEAST_FILES:
        raise SourceError(f"it holds {found} pages of {', '.join(PARTS)}: at least {LEAST_FILES} were expected")
