"""The models: two baselines and gradient boosting, each one scikit-learn pipeline from table to prediction.

Every pipeline reads the table of `features.table_for_pipeline`: numeric features first, then categories as text.
"""

from collections.abc import Mapping

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from .pipelines import by_kind, category_codes, whole_numbers

# Regularisation strengths that the linear baseline chooses from.
RIDGE_ALPHAS = np.logspace(-1, 3, 9)


def on_scale(regressor: RegressorMixin, scale: str) -> TransformedTargetRegressor:
    """Let a regressor learn on the log scale (errors then count in per cent) or on the linear one.

    Args:
        regressor: Any scikit-learn regressor.
        scale: `log` or `linear`.
    """
    functions = {"log": (np.log, np.exp), "linear": (None, None)}[scale]
    return TransformedTargetRegressor(regressor, func=functions[0], inverse_func=functions[1])


def boosting(n_numeric: int, n_categorical: int, settings: Mapping[str, float], seed: int) -> Pipeline:
    """Gradient boosted trees on imputed numbers and integer-coded categories.

    Args:
        n_numeric: Number of numeric features, which come first.
        n_categorical: Number of categorical features.
        settings: Arguments of HistGradientBoostingRegressor.
        seed: Makes the result repeatable.
    """
    numbers, categories = positions(n_numeric, n_categorical)
    return make_pipeline(
        by_kind(
            [
                ("numbers", SimpleImputer(strategy="median"), numbers),
                ("categories", category_codes(), categories),
            ]
        ),
        HistGradientBoostingRegressor(random_state=seed, **whole_numbers(settings)),
    )


def linear_baseline(n_numeric: int, n_categorical: int) -> Pipeline:
    """Ridge regression on standardised numbers and one-hot categories: what a careful beginner would try first."""
    numbers, categories = positions(n_numeric, n_categorical)
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore", min_frequency=5, sparse_output=False)
    prepared = by_kind([("numbers", scaled, numbers), ("categories", one_hot, categories)])
    return make_pipeline(prepared, RidgeCV(RIDGE_ALPHAS))


def dummy_baseline() -> DummyRegressor:
    """Always answers the median: what one reaches without looking at the features."""
    return DummyRegressor(strategy="median")


def positions(n_numeric: int, n_categorical: int) -> tuple[range, range]:
    """Return where the numeric and the categorical features stand in the table."""
    return range(n_numeric), range(n_numeric, n_numeric + n_categorical)
