"""MNIST's IDX files (http://yann.lecun.com/exdb/mnist, LeCun et al. 1998): how Fashion-MNIST is published."""

import gzip
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

UNSIGNED_BYTES = 8
# The parts as the files call them.
PREFIXES = {"train": "train", "test": "t10k"}


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read one gzip-compressed IDX file of bytes.

    The head is two zero bytes, a code for the type, the number of dimensions, and each dimension as four bytes.

    Raises:
        ValueError: If it is no such file.
        OSError: If it cannot be read or unpacked.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except EOFError as error:
        raise ValueError(f"{path} is cut off") from error
    if len(content) < 4 or content[:3] != bytes([0, 0, UNSIGNED_BYTES]):
        raise ValueError(f"{path} is no IDX file of bytes")
    dimensions = content[3]
    start = 4 + 4 * dimensions
    shape = [int.from_bytes(content[place : place + 4], "big") for place in range(4, start, 4)]
    if len(content) != start + math.prod(shape):
        raise ValueError(f"{path} is cut off: its head promises {' x '.join(map(str, shape))} bytes")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def idx_files(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Return the files with images and labels of each part."""
    return {
        part: (folder / f"{prefix}-images-idx3-ubyte.gz", folder / f"{prefix}-labels-idx1-ubyte.gz")
        for part, prefix in PREFIXES.items()
    }
