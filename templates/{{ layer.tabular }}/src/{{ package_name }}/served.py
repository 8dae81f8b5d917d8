"""What every served table model has: its card, its graph, remarks on odd inputs, and reasons for a prediction.

`predict.py` builds this stage's model on it. Only ONNX Runtime, numpy and pydantic are needed here.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from .contract import ServedColumn
from .encoding import Encoding, Matrix
from .features import Features
from .model_folder import ModelCard, read_folder
from .settings import Settings

Floats = NDArray[np.float64]


class ServedCard(ModelCard):
    """What travels with the graph, in model.json.

    Attributes:
        target: What is predicted.
        columns: What a request holds, with what training saw of it.
        encodings: The numbers of the categories.
        example: A real row of the test part.
        importance: How much worse the model gets when a feature is shuffled; filled when the model is promoted.
    """

    decisive = frozenset({"columns", "encodings"})

    target: str
    columns: list[ServedColumn]
    encodings: list[Encoding]
    example: dict[str, float | str | None]
    importance: dict[str, float] = Field(default_factory=dict)


class Driver(BaseModel):
    """How one feature moves one prediction.

    Attributes:
        feature: Its name.
        value: In this row.
        typical: Median or most frequent value in the training data.
        effect: Prediction for the row minus prediction for the row with the typical value.
    """

    feature: str
    value: float | str | None
    typical: float | str | None
    effect: float


class ServedModel:
    """A loaded model: the graph with what surrounds it.

    Attributes:
        answers, explanation: The pydantic models of what `POST /predict` and `POST /explain` answer.
        options: Fields that a request to `POST /predict` may hold beside its rows, as for pydantic's `create_model`.
    """

    card_type: ClassVar[type[ServedCard]]
    answers: ClassVar[type[BaseModel]]
    explanation: ClassVar[type[BaseModel]]
    options: ClassVar[dict[str, Any]] = {}

    def __init__(self, graph: bytes, card: Any, features: Features) -> None:
        settings = ort.SessionOptions()
        # One row takes well under a millisecond: handing parts of it to other threads costs more than it gains.
        settings.intra_op_num_threads = 1
        settings.inter_op_num_threads = 1
        self.session = ort.InferenceSession(graph, settings, providers=["CPUExecutionProvider"])
        self.card = card
        self.features = features
        self.watch([column for column in card.columns if column.kind == "number"])
        # A missing value is never a surprise: the contract says where there may be one.
        self.known = {c.name: frozenset([None, *c.categories]) for c in card.columns if c.kind == "category"}

    def watch(self, numbers: Sequence[ServedColumn]) -> None:
        """Note the range of the numeric columns that the matrix begins with, for the remarks."""
        self.numeric_names = [column.name for column in numbers]
        self.low = np.array([column.low for column in numbers], dtype=np.float32)
        self.high = np.array([column.high for column in numbers], dtype=np.float32)

    @classmethod
    def open(cls, graph: bytes, card: Any) -> Self:
        """Make a model of a graph and its card."""
        raise NotImplementedError

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a model folder.

        Raises:
            OSError: If a file is not there.
            ValueError: If the files are damaged or do not belong together.
        """
        return cls.open(*read_folder(folder, cls.card_type))

    @property
    def info(self) -> dict[str, Any]:
        """Everything about the model that a person may want to read, for `GET /model`."""
        info: dict[str, Any] = self.card.model_dump(exclude={"encodings"})
        return info

    def run(self, matrix: Matrix) -> Floats:
        """Run the graph: from shape (rows, features) to shape (rows, outputs)."""
        (output,) = self.session.run(["prediction"], {"features": matrix})
        return np.asarray(output, dtype=np.float64)

    def outputs(self, matrix: Matrix) -> Floats:
        """Return the numbers of each row that reasons are given for, shape (rows, outputs)."""
        return self.run(matrix)

    def header(self) -> dict[str, Any]:
        """What is the same for all rows of an answer."""
        return {"target": self.card.target, "model_version": self.card.version}

    def predict(self, rows: Sequence[Mapping[str, Any]], **options: Any) -> list[dict[str, Any]]:
        """Predict rows of plain values.

        Args:
            rows: Each with every column of the model; None where a value is missing.
            options: The values of `options`.

        Raises:
            KeyError: If a row lacks a column.
        """
        raise NotImplementedError

    def explain(self, row: Mapping[str, Any]) -> list[Driver]:
        """Say what drives one prediction, strongest first."""
        raise NotImplementedError

    def remarks(self, rows: Sequence[Mapping[str, Any]], matrix: Matrix) -> list[list[str]]:
        """Remark where a row lies outside of what training saw: there the model can only guess."""
        remarks: list[list[str]] = [[] for _ in rows]
        numeric = matrix[:, : len(self.numeric_names)]
        outside = (numeric < self.low) | (numeric > self.high)
        for row, place in zip(*outside.nonzero(), strict=True):
            name, low, high = self.numeric_names[place], self.low[place], self.high[place]
            remarks[row].append(
                f"{name}: {numeric[row, place]:g} is outside of {low:g} to {high:g}, which training saw"
            )
        for name, known in self.known.items():
            if known.issuperset([row[name] for row in rows]):  # nearly always, and much faster than a look at each
                continue
            for place, values in enumerate(rows):
                if values[name] not in known:
                    remarks[place].append(f"{name}: training never saw {values[name]!r}")
        return remarks

    def effects(self, matrix: Matrix, typical: Matrix, subjects: Sequence[Sequence[int]]) -> Floats:
        """Set each subject in turn to its typical value and note how the outputs of each row change.

        This is exact and simple, but subjects that say the same thing (area and rooms) hide each other, and the
        effects do not add up.

        Args:
            matrix: Shape (rows, features).
            typical: Shape (features,).
            subjects: For each subject the columns that belong to it.

        Returns:
            Outputs for the row minus outputs for the changed row, shape (rows, subjects, outputs).
        """
        rows, width = matrix.shape
        variants = np.repeat(matrix[:, np.newaxis, :], 1 + len(subjects), axis=1)
        for number, places in enumerate(subjects, start=1):
            variants[:, number, places] = typical[list(places)]
        values = self.outputs(variants.reshape(-1, width)).reshape(rows, 1 + len(subjects), -1)
        return values[:, :1] - values[:, 1:]


def print_predictions(model: type[ServedModel]) -> None:
    """Print predictions for the JSON file that the command line names, or for the model's own example row."""
    try:
        loaded = model.load(Settings().model_dir)
        rows: Any = loaded.card.example
        if len(sys.argv) > 1:
            rows = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        print(json.dumps(loaded.predict(rows if isinstance(rows, list) else [rows]), indent=2))
    except (OSError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error
    except KeyError as error:
        raise SystemExit(f"error: a row lacks the column {error}") from error
