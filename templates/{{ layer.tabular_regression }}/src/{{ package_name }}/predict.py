"""The trained model as the service uses it: ONNX Runtime and numpy, nothing else.

A model folder holds `model.json` (columns, interval, where it comes from, an example row) and the graph it names.
`uv run poe predict row.json` prints the prediction for the row, or the rows, in a JSON file.
"""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from .contract import ServedColumn
from .features import Categorical, Numeric, arrays_from_rows, names_of
from .interval import Interval
from .settings import Settings


class Card(BaseModel):
    """What travels with the graph, in model.json.

    Attributes:
        name, version: The version is the beginning of the graph's SHA-256, so equal models have equal versions.
        target: What is predicted.
        columns: The features, with what training saw of them.
        interval: Calibrated interval.
        example: A real row of the test part.
        origin: Run, data hash, git commit and time of training.
        metrics: Results on the test part; filled when the model is promoted.
        importance: Growth of the test RMSE when a feature is shuffled; filled likewise.
    """

    name: str
    version: str
    target: str
    columns: list[ServedColumn]
    interval: Interval
    example: dict[str, float | str | None]
    origin: dict[str, str]
    metrics: dict[str, Any] = {}
    importance: dict[str, float] = {}

    @property
    def graph_file(self) -> str:
        """Name of the file with the ONNX graph, beside model.json."""
        return f"model-{self.version}.onnx"


class Prediction(BaseModel):
    """A predicted value, its interval, and remarks on the input."""

    prediction: float
    lower: float
    upper: float
    warnings: list[str] = []


class Driver(BaseModel):
    """How one feature moves one prediction.

    Attributes:
        feature: Its name.
        value: In this row.
        typical: Median or most frequent value in the training data.
        effect: Prediction for the row minus prediction for the row with the typical value, in the target's unit.
    """

    feature: str
    value: float | str | None
    typical: float | str | None
    effect: float


class Predictor:
    """A loaded model.

    Example:
        >>> predictor = Predictor.load(Path("models/champion"))
        >>> predictor.predict([predictor.card.example])
    """

    def __init__(self, graph: bytes, card: Card) -> None:
        options = ort.SessionOptions()
        # One row takes well under a millisecond: handing parts of it to other threads costs more than it gains.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.card = card
        self.inputs = {put.name for put in self.session.get_inputs()}
        numeric = [column for column in card.columns if column.kind == "number"]
        self.numeric_names = names_of(card.columns, "number")
        self.low = np.array([column.low for column in numeric], dtype=np.float32)
        self.high = np.array([column.high for column in numeric], dtype=np.float32)
        self.known = {c.name: frozenset(c.categories) for c in card.columns if c.kind == "category"}

    @classmethod
    def load(cls, folder: Path) -> "Predictor":
        """Read a model folder.

        Raises:
            OSError: If a file is not there.
            ValueError: If the files are damaged or do not belong together.
        """
        try:
            card = Card.model_validate_json((folder / "model.json").read_bytes())
        except ValidationError as error:
            raise ValueError(f"{folder / 'model.json'} is damaged: {error}") from error
        graph = (folder / card.graph_file).read_bytes()
        if not hashlib.sha256(graph).hexdigest().startswith(card.version):
            raise ValueError(f"{folder / card.graph_file} is damaged: its checksum is another")
        return cls(graph, card)

    @property
    def info(self) -> dict[str, Any]:
        """Everything about the model, for `GET /model`."""
        return self.card.model_dump()

    def run(self, numeric: Numeric, categorical: Categorical) -> NDArray[np.float64]:
        """Predict from arrays: shape (rows,), in the target's unit."""
        arrays = {"numeric": numeric, "categorical": categorical}
        feed = {name: array for name, array in arrays.items() if name in self.inputs}
        (output,) = self.session.run(["prediction"], feed)
        return np.asarray(output, dtype=np.float64)[:, 0]

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Predict rows of plain values; each answer has the fields of `Prediction`.

        Args:
            rows: Each with every column of the model; None where a value is missing.

        Raises:
            KeyError: If a row lacks a column.
        """
        numeric, categorical = arrays_from_rows(rows, self.card.columns)
        predictions = self.run(numeric, categorical)
        lower, upper = self.card.interval.around(predictions)
        answers = [
            {"prediction": value, "lower": low, "upper": high, "warnings": []}
            for value, low, high in zip(predictions.tolist(), lower.tolist(), upper.tolist(), strict=True)
        ]
        self._warn(rows, numeric, answers)
        return answers

    def _warn(self, rows: Sequence[Mapping[str, Any]], numeric: Numeric, answers: list[dict[str, Any]]) -> None:
        """Remark where a row lies outside of what training saw: there the model can only guess."""
        outside = (numeric < self.low) | (numeric > self.high)
        for row, feature in zip(*outside.nonzero(), strict=True):
            name, low, high = self.numeric_names[feature], self.low[feature], self.high[feature]
            answers[row]["warnings"].append(
                f"{name}: {numeric[row, feature]:g} is outside of {low:g} to {high:g}, which training saw"
            )
        for name, known in self.known.items():
            for row, values in enumerate(rows):
                value = values[name]
                if value is not None and value not in known:
                    answers[row]["warnings"].append(f"{name}: training never saw {value!r}")

    def explain(self, row: Mapping[str, Any]) -> list[Driver]:
        """Say what drives one prediction, strongest first.

        Each feature in turn is set to its typical value and the change is noted. This is exact and simple, but
        features that say the same thing (area and rooms) hide each other, and the effects do not add up.

        Args:
            row: A row with every column of the model.
        """
        columns = self.card.columns
        variants = [dict(row), *(dict(row) | {c.name: c.typical} for c in columns)]
        predictions = self.run(*arrays_from_rows(variants, columns))
        effects = predictions[0] - predictions[1:]
        drivers = [
            Driver(feature=c.name, value=row[c.name], typical=c.typical, effect=float(effect))
            for c, effect in zip(columns, effects, strict=True)
        ]
        return sorted(drivers, key=lambda driver: -abs(driver.effect))


def main() -> None:
    """Print predictions for a JSON file, or for the model's own example row."""
    try:
        predictor = Predictor.load(Settings().model_dir)
        rows: Any = predictor.card.example
        if len(sys.argv) > 1:
            rows = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        print(json.dumps(predictor.predict(rows if isinstance(rows, list) else [rows]), indent=2))
    except (OSError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error
    except KeyError as error:
        raise SystemExit(f"error: a row lacks the column {error}") from error


if __name__ == "__main__":
    main()
