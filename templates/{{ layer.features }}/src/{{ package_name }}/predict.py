"""The trained model as the service uses it: ONNX Runtime and numpy, nothing else.

A model folder holds `model.json` (columns, plan of the features, lookups, history, calibration, costs, where it comes
from, an example row) and the graph it names. `uv run poe predict row.json` prints the prediction for the row, or the
rows, in a JSON file.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from .calibration import Calibration
from .decision import Policy
from .encoding import Matrix
from .features import MAIN_TABLE, Features, Plan
from .history import History
from .lookups import Lookup
from .served import Driver, Floats, ServedCard, ServedModel, print_predictions

# Reasons that a prediction names unless it is asked for more or for none.
USUAL_REASONS, MOST_REASONS = 5, 20


class Card(ServedCard):
    """What travels with the graph, in model.json.

    Attributes:
        plan: What the model sees.
        typical: For each feature its median in the training data, or its most frequent value.
        lookups: Side tables.
        history: Counts of the past; None for a table without time.
        calibration: From scores to probabilities.
        policy: From probabilities to decisions.
    """

    decisive = frozenset({"columns", "encodings", "plan", "lookups", "history", "calibration", "policy"})

    plan: Plan
    typical: dict[str, float | str | None]
    lookups: list[Lookup]
    history: History | None
    calibration: Calibration
    policy: Policy


class Reason(BaseModel):
    """How a group of features moves one prediction.

    Attributes:
        group: Its name: a column, or all features of one kind, such as the weather.
        effect: Probability for the row minus probability for the row with typical values in this group.
    """

    group: str
    effect: float


class Prediction(BaseModel):
    """A prediction.

    Attributes:
        decision: The class that is decided for.
        probability: Of the positive class; with more than two classes, of the one that is decided for.
        probabilities: Of every class.
        reasons: What moves the probability most, strongest first.
        warnings: Remarks on the input.
    """

    decision: str
    probability: float
    probabilities: dict[str, float]
    reasons: list[Reason] = []
    warnings: list[str] = []


class Predictions(BaseModel):
    """Answer of `POST /predict`: one prediction for each row, in order."""

    target: str
    model_version: str
    positive: str | None
    threshold: float | None
    predictions: list[Prediction]


class Explanation(BaseModel):
    """Answer of `POST /explain`: the prediction and what drives it, strongest first."""

    target: str
    model_version: str
    positive: str | None
    threshold: float | None
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
    # A whole number, as JSON has it: 3 and 3.0, but neither "3" nor true.
    options: ClassVar = {
        "reasons": (Annotated[float, Field(strict=True, ge=0, le=MOST_REASONS, multiple_of=1)], USUAL_REASONS)
    }

    def __init__(self, graph: bytes, card: Card, features: Features) -> None:
        super().__init__(graph, card, features)
        seen = set(card.plan.names())
        # Where each feature stands in the matrix: one that is encoded takes a column for each class.
        widths = [1] * len(features.numeric) + [len(tables) for tables in features.tables]
        starts = np.cumsum([0, *widths])
        names = features.numeric + features.texts
        self.places: dict[str, list[int]] = {
            name: list(range(start, start + width)) for name, start, width in zip(names, starts, widths, strict=False)
        }
        self.groups: dict[str, list[str]] = {}
        for feature in card.plan.features:
            subject = feature.name if feature.group == MAIN_TABLE else feature.group
            self.groups.setdefault(subject, []).append(feature.name)
        self.group_places = [
            [place for name in members for place in self.places[name]] for members in self.groups.values()
        ]
        one = {name: np.array([card.typical[name]], dtype=np.float64) for name in features.numeric}
        one |= {name: np.array([card.typical[name]], dtype=np.object_) for name in features.texts}
        self.typical = features.matrix(one)[0]
        # Only what the model sees itself is compared with the training data.
        columns = [column for column in card.columns if column.kind == "number" and column.name in seen]
        self.watch(columns)
        self.known = {name: known for name, known in self.known.items() if name in seen}

    @classmethod
    def open(cls, graph: bytes, card: Card) -> Self:
        """Make a model of a graph and its card."""
        return cls(graph, card, Features(card.columns, card.plan, card.lookups, card.history, card.encodings))

    @property
    def info(self) -> dict[str, Any]:
        """Everything about the model that a person may want to read, for `GET /model`."""
        info: dict[str, Any] = self.card.model_dump(
            mode="json", exclude={"encodings", "typical", "lookups", "history", "plan"}
        )
        info["features"] = self.card.plan.names()
        info["groups"] = self.groups
        info["policy"]["threshold"] = self.card.policy.threshold
        return info

    def header(self) -> dict[str, Any]:
        """What is the same for all rows of an answer."""
        policy = self.card.policy
        positive = None if policy.positive is None else policy.classes[policy.positive]
        return super().header() | {"positive": positive, "threshold": policy.threshold}

    def outputs(self, matrix: Matrix) -> Floats:
        """Return the probability of each class, shape (rows, classes)."""
        probabilities: Floats = self.card.calibration.probabilities(self.run(matrix))
        return probabilities

    def shown(self, decided: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the place of the class whose probability is shown and explained, for each row."""
        positive = self.card.policy.positive
        return decided if positive is None else np.full(len(decided), positive)

    def predict(self, rows: Sequence[Mapping[str, Any]], **options: Any) -> list[dict[str, Any]]:
        """Predict rows of plain values; each answer has the fields of `Prediction`.

        Args:
            rows: Each with every column of the contract; None where a value is missing.
            options: `reasons`, how many reasons to give.

        Raises:
            KeyError: If a row lacks a column.
        """
        matrix = self.features.from_rows(rows)
        probabilities = self.outputs(matrix)
        decided = self.card.policy.decide(probabilities)
        shown = self.shown(decided)
        classes = self.card.policy.classes
        reasons = self.reasons(matrix, shown, int(options.get("reasons", USUAL_REASONS)))
        answers = zip(probabilities.tolist(), decided.tolist(), shown.tolist(), strict=True)
        return [
            {
                "decision": classes[decision],
                "probability": each[place],
                "probabilities": dict(zip(classes, each, strict=True)),
                "reasons": why,
                "warnings": remarks,
            }
            for (each, decision, place), why, remarks in zip(answers, reasons, self.remarks(rows, matrix), strict=True)
        ]

    def reasons(self, matrix: Matrix, shown: NDArray[np.int64], wanted: int) -> list[list[dict[str, Any]]]:
        """Name the groups of features that move each probability most, strongest first."""
        if wanted == 0:
            return [[] for _ in range(len(matrix))]
        names = list(self.groups)
        effects = self.effects(matrix, self.typical, self.group_places)
        mine = effects[np.arange(len(matrix)), :, shown]
        order = np.argsort(-np.abs(mine), axis=1, kind="stable")[:, :wanted]
        return [
            [{"group": names[number], "effect": float(row[number])} for number in numbers]
            for row, numbers in zip(mine, order.tolist(), strict=True)
        ]

    def explain(self, row: Mapping[str, Any]) -> list[Driver]:
        """Say what drives one prediction, strongest first: each feature in turn is set to its typical value.

        Args:
            row: A row with every column of the contract.
        """
        computed = self.features.compute(self.features.given([row]))
        matrix = self.features.matrix(computed)
        (place,) = self.shown(self.card.policy.decide(self.outputs(matrix)))
        (effects,) = self.effects(matrix, self.typical, list(self.places.values()))
        drivers = [
            Driver(
                feature=name,
                value=plain(computed[name][0]),
                typical=plain(self.card.typical[name]),
                effect=float(effect[place]),
            )
            for name, effect in zip(self.places, effects, strict=True)
        ]
        return sorted(drivers, key=lambda driver: -abs(driver.effect))

    def remarks(self, rows: Sequence[Mapping[str, Any]], matrix: Matrix) -> list[list[str]]:
        """Remark where a row lies outside of what training saw, or a lookup or the past has nothing to say."""
        remarks = super().remarks(rows, matrix)
        more = [lookup.remarks(rows) for lookup in self.features.lookups]
        if self.features.past is not None and self.features.time is not None:
            times = np.array([row[self.features.time] for row in rows], dtype="datetime64[s]")
            more.append(self.features.past.remarks(times))
        for source in more:
            for place, remark in enumerate(source):
                if remark is not None:
                    remarks[place].append(remark)
        return remarks


def plain(value: Any) -> float | str | None:
    """Return a value as a person reads it: four digits, and None where it is missing."""
    if value is None or isinstance(value, str):
        return value
    return None if np.isnan(value) else float(f"{value:.4g}")


def main() -> None:
    """Print predictions for a JSON file, or for the model's own example row."""
    print_predictions(Predictor)


if __name__ == "__main__":
    main()
