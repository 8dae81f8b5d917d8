"""The model in service, to compare a candidate with. `promote.py` decides."""

import pandas as pd

from .config import CHAMPION
from .metrics import decisive_error
from .predict import Predictor


def in_service() -> Predictor | None:
    """Load the champion; None where there is none, or none that works."""
    try:
        return Predictor.load(CHAMPION)
    except (OSError, ValueError):
        return None


def error_today(champion: Predictor | None, test: pd.DataFrame, target: str) -> float | None:
    """Let the champion predict the test part; None where there is no champion for this table and target."""
    if champion is None or champion.card.target != target:
        return None
    try:
        return decisive_error(champion, test)
    except (KeyError, ValueError):  # it was trained on other columns
        return None
