"""Reading the raw images: a folder for each class, or IDX files. `prepare.py` calls it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from .dataset import Labels
from .idx import idx_files, read_idx
from .images import ImageError, Pixels, read_image, scaled
from .params import DataSection
from .source import CLASSES

SUFFIXES = {".png", ".jpg", ".jpeg"}


class DataError(ValueError):
    """The images are not what they must be; the message names the file."""


@dataclass
class RawImages:
    """Images of one part as they were read.

    Attributes:
        images: Shape (n, size, size, channels), uint8.
        labels: Place of each image's class, shape (n,).
    """

    images: Pixels
    labels: Labels


@dataclass
class RawData:
    """Everything that was read.

    Attributes:
        classes: Their names.
        parts: `train`, and `test` where the data have a test part of their own.
        ignored: Files that are no images.
    """

    classes: list[str]
    parts: dict[str, RawImages]
    ignored: list[str] = field(default_factory=list)


def read_raw(params: DataSection) -> RawData:
    """Read all images.

    Raises:
        DataError: If the folder does not hold what it should, or an image is broken.
    """
    folder = Path(params.path)
    if all(path.exists() for pair in idx_files(folder).values() for path in pair):
        return read_idx_folder(folder, params)
    return read_class_folders(folder, params)


def read_idx_folder(folder: Path, params: DataSection) -> RawData:
    """Read the IDX files of Fashion-MNIST (or of MNIST, whose classes are then just numbers).

    Raises:
        DataError: If a file is broken.
    """
    parts = {}
    try:
        for part, (images_path, labels_path) in idx_files(folder).items():
            images, labels = read_idx(images_path), read_idx(labels_path)
            if len(images) != len(labels):
                raise DataError(f"{images_path} holds {len(images)} images, {labels_path} {len(labels)} labels")
            parts[part] = RawImages(fitted(images, params), labels.astype(np.int64))
    except (OSError, ValueError) as error:
        raise DataError(str(error)) from error
    count = 1 + max(int(part.labels.max()) for part in parts.values())
    classes = CLASSES if params.source == "fashion-mnist" else [str(number) for number in range(count)]
    return RawData(classes, parts)


def fitted(images: NDArray[np.uint8], params: DataSection) -> Pixels:
    """Scale grey images of shape (n, height, width) to what the model gets."""
    if images.shape[1:] == (params.size, params.size) and params.channels == 1:
        return images[..., np.newaxis]
    return np.stack([scaled(Image.fromarray(image), params.size, params.channels) for image in images])


def read_class_folders(folder: Path, params: DataSection) -> RawData:
    """Read a folder with one subfolder for each class, or with two such folders called train and test.

    Raises:
        DataError: If there are no classes, or an image is broken.
    """
    roots = {part: folder / part for part in ("train", "test")}
    if not all(root.is_dir() for root in roots.values()):
        roots = {"train": folder}
    classes = sorted({path.name for root in roots.values() for path in root.iterdir() if path.is_dir()})
    classes = [name for name in classes if not name.startswith(".")]
    if len(classes) < 2:
        raise DataError(f"{folder} holds {len(classes)} subfolders: there must be one for each of two classes or more")
    data = RawData(classes, {})
    for part, root in roots.items():
        files = [(path, label) for label, name in enumerate(classes) for path in files_below(root / name)]
        images = [(path, label) for path, label in files if path.suffix.lower() in SUFFIXES]
        data.ignored += sorted(str(path) for path, _ in files if path.suffix.lower() not in SUFFIXES)
        for label, name in enumerate(classes):
            if not any(each == label for _, each in images):
                raise DataError(f"{root / name} holds no PNG or JPEG image")
        pixels = np.empty((len(images), params.size, params.size, params.channels), dtype=np.uint8)
        for place, (path, _) in enumerate(tqdm(images, desc=f"read {root}", disable=None)):
            try:
                pixels[place] = read_image(path.read_bytes(), params.size, params.channels)
            except (OSError, ImageError) as error:
                raise DataError(f"{path}: {error}") from error
        data.parts[part] = RawImages(pixels, np.array([label for _, label in images], dtype=np.int64))
    return data


def files_below(folder: Path) -> Iterator[Path]:
    """Yield every file in a folder and in folders inside of it, in an order that is the same everywhere."""
    yield from sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
