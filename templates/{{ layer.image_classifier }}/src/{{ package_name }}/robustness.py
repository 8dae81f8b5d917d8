"""What happens to the accuracy when images are worse than those of training: noise, shift, rotation."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from PIL import Image

from .images import Pixels

# How strong, in the unit of each kind.
STRENGTHS: dict[str, tuple[str, list[float]]] = {
    "noise": ("standard deviation, of 255", [0, 8, 16, 32, 64]),
    "shift": ("pixels", [0, 1, 2, 4, 6]),
    "rotation": ("degrees", [0, 5, 10, 20, 45]),
}


def noisy(images: Pixels, deviation: float, rng: np.random.Generator) -> Pixels:
    """Add normal noise to each pixel."""
    changed = images + rng.normal(0, deviation, images.shape).astype(np.float32)
    result: Pixels = np.clip(np.rint(changed), 0, 255).astype(np.uint8)
    return result


def shifted(images: Pixels, pixels: float, rng: np.random.Generator) -> Pixels:
    """Move each image in one of the four directions; what comes in is black."""
    reach = int(pixels)
    if reach == 0:
        return images
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    cuts = [(0, reach), (2 * reach, reach), (reach, 0), (reach, 2 * reach)]
    moved = np.stack([padded[:, row : row + height, column : column + width] for row, column in cuts])
    result: Pixels = moved[rng.integers(0, 4, len(images)), np.arange(len(images))]
    return result


def rotated(images: Pixels, degrees: float, rng: np.random.Generator) -> Pixels:
    """Turn each image to the left or to the right; what comes in is black."""
    if degrees == 0:
        return images
    angles = degrees * rng.choice([-1.0, 1.0], len(images))
    turned = [
        np.asarray(Image.fromarray(image.squeeze()).rotate(angle, Image.Resampling.BILINEAR))
        for image, angle in zip(images, angles, strict=True)
    ]
    return np.stack(turned).reshape(images.shape)


CHANGES: dict[str, Callable[[Pixels, float, np.random.Generator], Pixels]] = {
    "noise": noisy,
    "shift": shifted,
    "rotation": rotated,
}


def variants(images: Pixels, seed: int) -> Iterator[tuple[str, float, Pixels]]:
    """Yield kind, strength and changed images, shape (n, height, width, channels)."""
    for kind, (_, strengths) in STRENGTHS.items():
        for strength in strengths:
            yield kind, strength, CHANGES[kind](images, strength, np.random.default_rng(seed))


def robustness(images: Pixels, accuracy_on: Callable[[Pixels], float], seed: int) -> pd.DataFrame:
    """Return the accuracy for each kind and strength."""
    rows = [(kind, strength, accuracy_on(changed)) for kind, strength, changed in variants(images, seed)]
    return pd.DataFrame(rows, columns=["kind", "strength", "accuracy"])
