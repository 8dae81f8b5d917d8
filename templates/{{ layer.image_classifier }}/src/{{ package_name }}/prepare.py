"""Pipeline stage `prepare`: read the images, scale them, and divide them into training, validation and test.

Reads the raw images and params.yaml (`data`, `split`); writes data/prepared/{train,validation,test}.npz and the notes
on data quality in reports/. Run by `dvc repro`.
"""

import hashlib
import json
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from .config import PREPARED, REPORTS
from .dataset import Part, save_part
from .images import Pixels
from .params import Params, SplitSection, load_params
from .reading import DataError, RawData, RawImages, read_raw

PARTS = ("train", "validation", "test")
# With fewer images of a class in a part nothing can be learned or judged.
FEWEST_IMAGES = 2


def positions(images: Pixels, salt: str) -> NDArray[np.float64]:
    """Return a number from 0 to 1 for each image, by a hash of its pixels: equal images get equal numbers.

    Args:
        images: Shape (n, height, width, channels).
        salt: Another salt gives other, independent numbers.
    """
    key = salt.encode()[:64]
    hashes = [hashlib.blake2b(image.tobytes(), digest_size=8, key=key).digest() for image in images]
    return np.array([int.from_bytes(each, "big") / 2.0**64 for each in hashes])


def some_of_each(raw: RawImages, per_class: int | None, salt: str) -> RawImages:
    """Keep at most so many images of each class, drawn by their hash."""
    if per_class is None:
        return raw
    order = np.argsort(positions(raw.images, salt), kind="stable")
    kept = np.sort(np.concatenate([order[raw.labels[order] == label][:per_class] for label in np.unique(raw.labels)]))
    return RawImages(raw.images[kept], raw.labels[kept])


def divide(data: RawData, params: SplitSection) -> dict[str, Part]:
    """Divide images by a hash of their pixels, so that copies of one image share a part.

    A test part that the data brought along stays as it is.

    Raises:
        DataError: If a class is missing in a part.
    """
    train = data.parts["train"]
    place = positions(train.images, f"split {params.seed}")
    test_share = 0.0 if "test" in data.parts else params.test
    # The validation share is one of what is not for testing.
    chosen = {
        "test": place < test_share,
        "validation": (place >= test_share) & (place < test_share + (1 - test_share) * params.validation),
    }
    chosen["train"] = ~chosen["test"] & ~chosen["validation"]
    parts = {name: Part(train.images[chosen[name]], train.labels[chosen[name]], data.classes) for name in PARTS}
    if "test" in data.parts:
        parts["test"] = Part(data.parts["test"].images, data.parts["test"].labels, data.classes)
    for name, part in parts.items():
        counts = np.bincount(part.labels, minlength=len(data.classes))
        if counts.min() < FEWEST_IMAGES:
            fewest = data.classes[int(counts.argmin())]
            raise DataError(
                f"only {counts.min()} images of class '{fewest}' are for {name}: bring more, or give {name} a larger "
                "share in params.yaml (split)"
            )
    return parts


def quality_notes(parts: dict[str, Part], ignored: list[str]) -> dict[str, object]:
    """Collect what a person should know about the data before trusting a model of them."""
    keys = {name: [image.tobytes() for image in part.images] for name, part in parts.items()}
    seen = Counter(key for name in ("train", "validation") for key in keys[name])
    everywhere = seen + Counter(keys["test"])
    labels_of: dict[bytes, set[int]] = {}
    for name, part in parts.items():
        for key, label in zip(keys[name], part.labels.tolist(), strict=True):
            labels_of.setdefault(key, set()).add(label)
    train = parts["train"]
    classes = train.classes
    return {
        "images": sum(len(part.labels) for part in parts.values()),
        "split": {name: len(part.labels) for name, part in parts.items()},
        "size": list(train.images.shape[1:]),
        "classes": {
            name: {each: int(np.sum(part.labels == place)) for each, part in parts.items()}
            for place, name in enumerate(classes)
        },
        "duplicates": sum(times - 1 for times in everywhere.values()),
        "test_images_also_in_training": sum(key in seen for key in keys["test"]),
        "equal_images_of_different_classes": sum(len(labels) > 1 for labels in labels_of.values()),
        "of_one_colour": sum(int(np.ptp(image) == 0) for part in parts.values() for image in part.images),
        "ignored_files": ignored[:20],
    }


def prepare(params: Params) -> tuple[dict[str, Part], dict[str, object]]:
    """Read, pick and divide; returns the parts and the notes about them.

    Raises:
        DataError: If the images are not what they must be.
    """
    data = read_raw(params.data)
    for name, raw in data.parts.items():
        data.parts[name] = some_of_each(raw, params.data.per_class, f"pick {params.split.seed}")
    parts = divide(data, params.split)
    return parts, quality_notes(parts, data.ignored)


def main() -> None:
    """Read, divide and write."""
    try:
        parts, notes = prepare(load_params())
    except DataError as error:
        raise SystemExit(f"error: {error}") from error
    PREPARED.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        save_part(name, part)
    REPORTS.mkdir(exist_ok=True)
    (REPORTS / "data_quality.json").write_text(json.dumps(notes, indent=2) + "\n", encoding="utf-8")
    print(f"{notes['images']} images: " + ", ".join(f"{len(part.labels)} {name}" for name, part in parts.items()))


if __name__ == "__main__":
    main()
