"""Where Fashion-MNIST comes from: its official download, or a package of Debian and Ubuntu.

`data.py` asks here when the folder is not there. The images are by Zalando Research (Xiao, Rasul and Vollgraf 2017,
https://arxiv.org/abs/1708.07747), MIT licence.
"""

import gzip
import hashlib
import shutil
from pathlib import Path

from .debian import content_of
from .download import download
from .sources import SourceError, fetch_from_first

CLASSES = [
    "T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
]  # fmt: skip
PACKAGE = "dataset-fashion-mnist"
# SHA-256 of what is inside of the files: both sources hold the same, packed by another gzip.
CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def fetch_fashion_mnist(folder: Path, url: str) -> None:
    """Put the four files into a folder, complete or not at all.

    Args:
        folder: Where they shall lie; it is not there yet.
        url: The folder of the official download.

    Raises:
        SourceError: If no source has them.
    """
    fetch_from_first(
        folder,
        {url: lambda place: from_url(url, place), f"the package {PACKAGE}": from_package},
        check,
        f"Download the four files {', '.join(CHECKSUMS)} from {url} with a browser into {folder}; "
        "on Debian or Ubuntu `sudo apt-get update` may be all that is missing.",
    )


def from_url(url: str, folder: Path) -> None:
    """Download the files from the official address.

    Raises:
        OSError: If the address does not answer.
    """
    for name in CHECKSUMS:
        # The checksum is compared after unpacking, see `check`.
        download(f"{url}/{name}", None, folder / name)


def from_package(folder: Path) -> None:
    """Take the files out of a package of Debian or Ubuntu; this needs no rights and installs nothing.

    Raises:
        OSError: If apt-get or dpkg-deb fails.
        SourceError: If this is another system.
    """
    with content_of(PACKAGE, folder.parent) as content:
        found = content / "usr" / "share" / "datasets" / "fashion-mnist"
        for name in CHECKSUMS:
            shutil.copyfile(found / name, folder / name)


def check(folder: Path) -> None:
    """Compare what is inside of the files with the checksums.

    Raises:
        SourceError: If a file holds something else.
    """
    for name, expected in CHECKSUMS.items():
        try:
            found = hashlib.sha256(gzip.decompress((folder / name).read_bytes())).hexdigest()
        except (OSError, EOFError) as error:
            raise SourceError(f"{name} cannot be unpacked: {error}") from error
        if found != expected:
            raise SourceError(f"{name} has the checksum {found}, expected {expected}")
