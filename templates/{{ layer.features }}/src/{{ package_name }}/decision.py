"""From probabilities to decisions, by what a wrong one costs.

For two classes: a false alarm costs `false_alarm`, a missed case `missed`. To decide for the positive class at
probability p costs (1 - p) * false_alarm on average, to decide against it p * missed. The first is smaller from
p = false_alarm / (false_alarm + missed) on: that is the threshold (Elkan 2001). It is right for probabilities that are
calibrated, which is why they are, and why no class is reweighted for being rare.

For more classes all errors cost the same: the most probable class wins.
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


class Policy(BaseModel):
    """How decisions are made.

    Attributes:
        classes: Names, in the order of the columns of the probabilities.
        positive: Place of the positive class; None with more than two classes.
        missed, false_alarm: What errors cost.
    """

    classes: list[str]
    positive: int | None
    missed: float
    false_alarm: float

    @property
    def threshold(self) -> float | None:
        """Probability from which the decision is for the positive class; None with more than two classes."""
        return None if self.positive is None else self.false_alarm / (self.false_alarm + self.missed)

    def decide(self, probabilities: Floats, threshold: float | None = None) -> Codes:
        """Return the place of the class that is decided for, shape (rows,).

        Args:
            probabilities: Shape (rows, classes).
            threshold: Another one than that of the costs; for two classes.
        """
        border = self.threshold if threshold is None else threshold
        if self.positive is None or border is None:
            return np.asarray(np.argmax(probabilities, axis=1), dtype=np.int64)
        wanted = probabilities[:, self.positive] >= border
        return np.where(wanted, self.positive, 1 - self.positive).astype(np.int64)

    def cost(self, truth: Codes, decided: Codes) -> float:
        """Return the mean cost of decisions."""
        wrong = truth != decided
        if self.positive is None:
            return float(wrong.mean())
        missed = wrong & (truth == self.positive)
        return float((self.missed * missed + self.false_alarm * (wrong & ~missed)).mean())


def make_policy(classes: list[str], positive: str | None, truth: Codes, missed: float, false_alarm: float) -> Policy:
    """Find the positive class.

    Args:
        classes: Names.
        positive: The name that params.yaml gives; None for the rarer of two.
        truth: Classes of the training rows, as places.
        missed: What a missed case costs.
        false_alarm: What a false alarm costs.

    Raises:
        ValueError: If there is no class of that name.
    """
    if positive is not None and positive not in classes:
        raise ValueError(f"'data.positive': there is no class '{positive}' (there are {', '.join(classes)})")
    place = None
    if len(classes) == 2:
        place = int(np.bincount(truth, minlength=2).argmin()) if positive is None else classes.index(positive)
    return Policy(classes=classes, positive=place, missed=missed, false_alarm=false_alarm)
