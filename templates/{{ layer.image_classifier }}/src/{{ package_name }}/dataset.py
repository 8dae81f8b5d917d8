"""The prepared images, as `prepare.py` writes them and every later stage reads them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .config import PREPARED
from .images import Pixels

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """Images for training, for validation or for testing.

    Attributes:
        images: Shape (n, size, size, channels), uint8.
        labels: Place of each image's class in `classes`, shape (n,).
        classes: Names.
    """

    images: Pixels
    labels: Labels
    classes: list[str]


def part_file(name: str) -> Path:
    """Where a part lies."""
    return PREPARED / f"{name}.npz"


def save_part(name: str, part: Part) -> None:
    """Write a part."""
    with part_file(name).open("wb") as file:
        np.savez(file, images=part.images, labels=part.labels, classes=np.array(part.classes))


def load_part(name: str) -> Part:
    """Read a part."""
    with np.load(part_file(name)) as arrays:
        return Part(arrays["images"], arrays["labels"], arrays["classes"].tolist())
