"""Pipeline stage `baselines`: what is reached without a network? It runs again only when the images change.

Reads data/prepared/; writes data/baselines.npz, the classes that two simple models name for the test images:

    logistic   logistic regression on the pixels
    centroid   the class whose mean image is nearest
"""

import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid

from .config import PREPARED
from .dataset import Labels, Part, load_part
from .images import Pixels

BASELINES = PREPARED.parent / "baselines.npz"
# After so many steps the accuracy on Fashion-MNIST no longer changes in the second digit.
STEPS = 60


def flat(images: Pixels) -> np.ndarray:
    """Return each image as a row of numbers from 0 to 1, shape (n, pixels)."""
    return images.reshape(len(images), -1).astype(np.float32) / 255


def fit_baselines(train: Part, test: Part) -> dict[str, Labels]:
    """Fit both models and return the place of the class that each names for each test image, shape (n,)."""
    models = {"logistic": LogisticRegression(max_iter=STEPS), "centroid": NearestCentroid()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # stopped on purpose; a pixel may be black everywhere
        return {
            name: model.fit(flat(train.images), train.labels).predict(flat(test.images)).astype(np.int64)
            for name, model in models.items()
        }


def main() -> None:
    """Fit, predict and write."""
    test = load_part("test")
    named = fit_baselines(load_part("train"), test)
    with BASELINES.open("wb") as file:
        np.savez(file, logistic=named["logistic"], centroid=named["centroid"])
    for name, labels in named.items():
        print(f"{name}: accuracy {np.mean(labels == test.labels):.2%}")


if __name__ == "__main__":
    main()
