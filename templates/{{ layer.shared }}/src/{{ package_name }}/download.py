"""Downloads that are complete and checked, or leave nothing behind. The pipeline stage `data` uses it."""

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

CHUNK_BYTES = 1 << 18
SECONDS_TO_WAIT = 60


class DownloadError(OSError):
    """The address is none, or what came is not what was asked for."""


def download(url: str, sha256: str | None, destination: Path) -> None:
    """Download a file and compare its SHA-256 checksum.

    The file is written under another name first, so that a broken download never looks like data. A terminal shows a
    progress bar.

    Args:
        url: The address.
        sha256: The checksum that the content must have; None accepts any content.
        destination: Where the file goes; its folder must be there.

    Raises:
        DownloadError: If it is no http address, or the content is incomplete or not the expected one.
        OSError: If the address does not answer, or the file cannot be written.
    """
    if not url.startswith(("https://", "http://")):
        raise DownloadError("the address (data.url) must begin with https:// or http://")
    partial = destination.with_suffix(".partial")
    try:
        found = stream(url, partial)
        if sha256 is not None and found != sha256:
            raise DownloadError(f"checksum {found}, expected {sha256}")
        partial.replace(destination)
    except urllib.error.HTTPError as error:  # which is the server's answer, too, and still open
        error.close()
        raise
    except http.client.HTTPException as error:  # an address with a space in it, or half an answer
        raise DownloadError(str(error) or repr(error)) from error
    finally:
        partial.unlink(missing_ok=True)


def stream(url: str, path: Path) -> str:
    """Write what an address answers to a file; returns its SHA-256 checksum.

    Raises:
        DownloadError: If fewer bytes came than the server had announced.
        OSError: If the address does not answer, or the file cannot be written.
    """
    checksum = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=SECONDS_TO_WAIT) as answer, path.open("wb") as file:  # noqa: S310
        size: int | None = answer.length
        # `disable=None` shows the bar on a terminal and nowhere else.
        with tqdm(total=size, unit="B", unit_scale=True, desc=path.stem, disable=None) as bar:
            while chunk := answer.read(CHUNK_BYTES):
                file.write(chunk)
                checksum.update(chunk)
                bar.update(len(chunk))
        # Python takes a connection that closes too early for the end of the file.
        if size is not None and file.tell() < size:
            raise DownloadError(f"only {file.tell()} of {size} bytes came")
    return checksum.hexdigest()
