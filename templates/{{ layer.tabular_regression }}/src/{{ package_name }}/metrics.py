"""Error measures for regression. `evaluate.py` reports them, `promote.py` decides by one of them."""

import numpy as np
import pandas as pd

from .bootstrap import Floats, Metric
from .predict import Predictor

# Promotion compares models by this one.
DECISIVE, DECISIVE_NAME = "rmse", "RMSE"


def rmse(truth: Floats, prediction: Floats) -> float:
    """Root mean squared error, in the target's unit."""
    return float(np.sqrt(np.mean((truth - prediction) ** 2)))


def mae(truth: Floats, prediction: Floats) -> float:
    """Mean absolute error, in the target's unit."""
    return float(np.mean(np.abs(truth - prediction)))


def r2(truth: Floats, prediction: Floats) -> float:
    """Share of the variance that is explained: 1 is perfect, 0 no better than the mean."""
    return float(1 - np.sum((truth - prediction) ** 2) / np.sum((truth - truth.mean()) ** 2))


METRICS: dict[str, Metric] = {"rmse": rmse, "mae": mae, "r2": r2}


def decisive_error(predictor: Predictor, test: pd.DataFrame) -> float:
    """Let a model predict a table and return its RMSE.

    Raises:
        KeyError, ValueError: If the model was trained on other columns.
    """
    truth = test[predictor.card.target].to_numpy(dtype=np.float64)
    return rmse(truth, predictor.value(predictor.features.from_frame(test)))
