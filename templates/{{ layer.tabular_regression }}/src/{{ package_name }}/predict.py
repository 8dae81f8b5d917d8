"""The trained model as the service uses it: ONNX Runtime and numpy, nothing else.

A model folder holds `model.json` (columns, interval, where it comes from, an example row) and the graph it names.
`uv run poe predict row.json` prints the prediction for the row, or the rows, in a JSON file.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import BaseModel

from .encoding import Matrix
from .features import Features
from .interval import Interval
from .served import Driver, Floats, ServedCard, ServedModel, print_predictions


class Card(ServedCard):
    """What travels with the graph, in model.json.

    Attributes:
        interval: Calibrated interval.
    """

    interval: Interval


class Prediction(BaseModel):
    """A predicted value, its interval, and remarks on the input."""

    prediction: float
    lower: float
    upper: float
    warnings: list[str] = []


class Predictions(BaseModel):
    """Answer of `POST /predict`: one prediction for each row, in order."""

    target: str
    model_version: str
    interval_level: float
    predictions: list[Prediction]


class Explanation(BaseModel):
    """Answer of `POST /explain`: the prediction and what drives it, strongest first."""

    target: str
    model_version: str
    interval_level: float
    prediction: Prediction
    drivers: list[Driver]


class Predictor(ServedModel):
    """A loaded model.

    Example:
        >>> predictor = Predictor.load(Path("models/champion"))
        >>> predictor.predict([predictor.card.example])
    """

    card_type = Card
    answers = Predictions
    explanation = Explanation

    @classmethod
    def open(cls, graph: bytes, card: Card) -> Self:
        """Make a model of a graph and its card."""
        return cls(graph, card, Features(card.columns, card.encodings))

    def header(self) -> dict[str, Any]:
        """What is the same for all rows of an answer."""
        return super().header() | {"interval_level": self.card.interval.level}

    def value(self, matrix: Matrix) -> Floats:
        """Predict the rows of a matrix, shape (rows,)."""
        return self.run(matrix)[:, 0]

    def predict(self, rows: Sequence[Mapping[str, Any]], **_: Any) -> list[dict[str, Any]]:
        """Predict rows of plain values; each answer has the fields of `Prediction`.

        Args:
            rows: Each with every column of the model; None where a value is missing.

        Raises:
            KeyError: If a row lacks a column.
        """
        matrix = self.features.from_rows(rows)
        predictions = self.value(matrix)
        lower, upper = self.card.interval.around(predictions)
        answers = zip(predictions.tolist(), lower.tolist(), upper.tolist(), self.remarks(rows, matrix), strict=True)
        return [
            {"prediction": value, "lower": low, "upper": high, "warnings": remarks}
            for value, low, high, remarks in answers
        ]

    def explain(self, row: Mapping[str, Any]) -> list[Driver]:
        """Say what drives one prediction, strongest first: each column in turn is set to its typical value.

        Args:
            row: A row with every column of the model.
        """
        columns = [c for kind in ("number", "category") for c in self.card.columns if c.kind == kind]
        matrix = self.features.from_rows([row, {column.name: column.typical for column in columns}])
        (effects,) = self.effects(matrix[:1], matrix[1], [[place] for place in range(len(columns))])[..., 0]
        drivers = [
            Driver(feature=column.name, value=row[column.name], typical=column.typical, effect=float(effect))
            for column, effect in zip(columns, effects, strict=True)
        ]
        return sorted(drivers, key=lambda driver: -abs(driver.effect))


def main() -> None:
    """Print predictions for a JSON file, or for the model's own example row."""
    print_predictions(Predictor)


if __name__ == "__main__":
    main()
