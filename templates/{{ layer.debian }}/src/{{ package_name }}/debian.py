"""Files out of a package of Debian and Ubuntu; this needs no rights and installs nothing. `source.py` uses it."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .sources import SourceError


@contextmanager
def content_of(package: str, beside: Path) -> Iterator[Path]:
    """Download a package and unpack it into a folder, which is gone afterwards.

    Args:
        package: Its name.
        beside: The folder is made in this one.

    Raises:
        OSError: If apt-get or dpkg-deb fails.
        SourceError: If this is another system.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise SourceError("only on Debian and Ubuntu")
    with tempfile.TemporaryDirectory(dir=beside) as place:
        run("apt-get", "download", package, cwd=place)
        run("dpkg-deb", "--extract", next(Path(place).glob("*.deb")).name, "content", cwd=place)
        yield Path(place) / "content"


def run(*command: str, cwd: str) -> None:
    """Run a command.

    Raises:
        OSError: If it fails; the message is the last thing it said.
    """
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise OSError(f"{command[0]}: {said[-1]}")
