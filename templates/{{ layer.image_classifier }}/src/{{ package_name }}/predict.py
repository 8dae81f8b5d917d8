"""The trained network as the service uses it: ONNX Runtime, numpy and Pillow, nothing else.

A model folder holds `model.json` (classes, size, temperature, where it comes from, an example image) and the graph it
names. `uv run poe predict photo.png` prints the prediction for an image file.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from pydantic import BaseModel

from .calibration import Floats, probabilities
from .images import ImageError, Pixels, read_image
from .model_folder import ModelCard, fingerprint, read_folder
from .settings import Settings, threads_for

# An image whose brightest and darkest pixel differ by less shows nothing.
LEAST_CONTRAST = 16
# Training images mostly have a dark or a bright border: what is further from the usual one was seldom seen.
BORDER_DISTANCE = 128


class Card(ModelCard):
    """What travels with the graph, in model.json.

    Attributes:
        classes: Their names, in the order of the logits.
        size, channels: What the graph takes.
        temperature: Divides the logits.
        border: Median brightness of the border of the training images.
        example: An image of the test part, as a PNG file in base64, and `example_class`, what it shows.
    """

    decisive = frozenset({"classes", "size", "channels", "temperature"})

    classes: list[str]
    size: int
    channels: int
    temperature: float
    border: float
    example: str
    example_class: str


class Label(BaseModel):
    """A class and its probability."""

    label: str
    probability: float


class Prediction(BaseModel):
    """Answer of `POST /predict`.

    Attributes:
        model_version: The model that answers.
        predictions: The most probable classes, most probable first.
        warnings: Remarks on the image.
    """

    model_version: str
    predictions: list[Label]
    warnings: list[str]


class Heatmap(BaseModel):
    """Where in the image evidence for a class lies.

    Attributes:
        label: The class.
        values: Rows of numbers from 0 to 1, from the top; coarser than the image.
    """

    label: str
    values: list[list[float]]


class Explanation(Prediction):
    """Answer of `POST /explain`: the prediction, and where the network looks."""

    heatmap: Heatmap


class Predictor:
    """A loaded model.

    Example:
        >>> predictor = Predictor.load(Path("models/champion"))
        >>> predictor.predict(predictor.read(Path("photo.png").read_bytes()))
    """

    def __init__(self, graph: bytes, card: Card, threads: int) -> None:
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = threads_for(threads)
        settings.inter_op_num_threads = 1
        self.session = ort.InferenceSession(graph, settings, providers=["CPUExecutionProvider"])
        self.card = card

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> Self:
        """Read a model folder.

        Args:
            folder: Where it lies.
            threads: For one image a second thread costs more than it gains. 0, for many images, uses as many as
                OMP_NUM_THREADS says, or every core.

        Raises:
            OSError: If a file is not there.
            ValueError: If the files are damaged or do not belong together.
        """
        graph, card = read_folder(folder, Card)
        return cls(graph, card, threads)

    @classmethod
    def of(cls, graph: bytes, card: Card, threads: int = 0) -> Self:
        """Make a model of a new graph, and write its version into the card."""
        card.version = fingerprint(graph, card)
        return cls(graph, card, threads)

    @property
    def info(self) -> dict[str, Any]:
        """Everything about the model that a person may want to read, for `GET /model`."""
        info: dict[str, Any] = self.card.model_dump()
        return info

    def read(self, content: bytes) -> Pixels:
        """Decode an image file as the training images were, shape (size, size, channels).

        Raises:
            ImageError: If it is no image that can be read.
        """
        return read_image(content, self.card.size, self.card.channels)

    def run(self, images: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run the graph.

        Args:
            images: Shape (n, size, size, channels), uint8.

        Returns:
            Logits, shape (n, classes), and maps, shape (n, classes, rows, columns).
        """
        logits, maps = self.session.run(["logits", "maps"], {"images": images.transpose(0, 3, 1, 2)})
        return logits, maps

    def logits(self, images: Pixels, batch: int = 250) -> NDArray[np.float32]:
        """Return the logits of many images, shape (n, classes)."""
        return np.concatenate([self.run(images[start : start + batch])[0] for start in range(0, len(images), batch)])

    def probabilities(self, images: Pixels) -> Floats:
        """Return the probabilities of many images, shape (n, classes)."""
        return probabilities(self.logits(images), self.card.temperature)

    def predict(self, image: Pixels, top_k: int = 5) -> dict[str, Any]:
        """Classify one image; the answer has the fields of `Prediction`."""
        logits, _ = self.run(image[np.newaxis])
        return self.answer(image, logits, top_k)

    def explain(self, image: Pixels, top_k: int = 5, label: str | None = None) -> dict[str, Any]:
        """Classify one image and say where the network looks; the answer has the fields of `Explanation`.

        Args:
            image: Shape (size, size, channels).
            top_k: How many classes to name.
            label: The class to explain; the most probable one where nothing is said.

        Raises:
            ValueError: If there is no such class.
        """
        logits, maps = self.run(image[np.newaxis])
        answer = self.answer(image, logits, top_k)
        label = answer["predictions"][0]["label"] if label is None else label
        one = maps[0, self.card.classes.index(label)].astype(np.float64)
        values = np.round(one / max(one.max(), 1e-12), 4).tolist()
        return answer | {"heatmap": {"label": label, "values": values}}

    def answer(self, image: Pixels, logits: NDArray[np.float32], top_k: int) -> dict[str, Any]:
        """Put an answer together."""
        (chances,) = probabilities(logits, self.card.temperature)
        order = np.argsort(-chances, kind="stable")[:top_k]
        return {
            "model_version": self.card.version,
            "predictions": [
                {"label": self.card.classes[place], "probability": float(chances[place])} for place in order
            ],
            "warnings": self.remarks(image),
        }

    def remarks(self, image: Pixels) -> list[str]:
        """Remark where an image is unlike the training images: there the model can only guess."""
        if int(image.max()) - int(image.min()) < LEAST_CONTRAST:
            return ["the image is of one colour: there is nothing to see"]
        brightness = border_of(image[np.newaxis])[0]
        if abs(brightness - self.card.border) >= BORDER_DISTANCE:
            usual, found = ("dark", "bright") if brightness > self.card.border else ("bright", "dark")
            return [f"the background is {found}, that of most training images is {usual}: try it inverted"]
        return []


def border_of(images: Pixels) -> Floats:
    """Return the median brightness of the outermost pixels of each image, shape (n,)."""
    sides = [images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]]
    border = np.concatenate([side.reshape(len(images), -1) for side in sides], axis=1)
    result: Floats = np.median(border, axis=1)
    return result


def main() -> None:
    """Print the prediction for the image file that the command line names, or for the model's own example."""
    try:
        predictor = Predictor.load(Settings().model_dir)
        content = Path(sys.argv[1]).read_bytes() if len(sys.argv) > 1 else base64.b64decode(predictor.card.example)
        print(json.dumps(predictor.predict(predictor.read(content)), indent=2))
    except ImageError as error:
        raise SystemExit(f"error: {sys.argv[1]}: {error}") from error
    except (OSError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
