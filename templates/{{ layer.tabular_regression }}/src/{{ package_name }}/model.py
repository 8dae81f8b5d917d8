"""The models: two baselines and gradient boosting, each one scikit-learn pipeline from table to prediction.

Every pipeline reads the table of `features.table_for_pipeline`, numeric features first, and addresses columns by
position, so that the exported graph can take the same two arrays that the service has.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from threadpoolctl import threadpool_limits

# Regularisation strengths that the linear baseline chooses from.
RIDGE_ALPHAS = np.logspace(-1, 3, 9)
# Below this many rows threads cost more than they gain, because they wait for each other all the time. On two busy
# cores one fit of the house prices took 13 s with two threads and 1.8 s with one.
ROWS_WORTH_THREADS = 20_000


def limit_threads(rows: int) -> threadpool_limits:
    """Return a context in which scikit-learn uses as many threads as a table of this size is worth."""
    return threadpool_limits(None if rows >= ROWS_WORTH_THREADS else 1, user_api="openmp")


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

    A category that training never saw becomes -1. Codes have no order, but trees can cut them apart.

    Args:
        n_numeric: Number of numeric features, which come first.
        n_categorical: Number of categorical features.
        settings: Arguments of HistGradientBoostingRegressor.
        seed: Makes the result repeatable.
    """
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32)
    return make_pipeline(
        by_kind(n_numeric, n_categorical, SimpleImputer(strategy="median"), encoder),
        HistGradientBoostingRegressor(random_state=seed, **whole_numbers(settings)),
    )


def linear_baseline(n_numeric: int, n_categorical: int) -> Pipeline:
    """Ridge regression on standardised numbers and one-hot categories: what a careful beginner would try first."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore", min_frequency=5, sparse_output=False)
    return make_pipeline(by_kind(n_numeric, n_categorical, numbers, categories), RidgeCV(RIDGE_ALPHAS))


def dummy_baseline() -> DummyRegressor:
    """Always answers the median: what one reaches without looking at the features."""
    return DummyRegressor(strategy="median")


def by_kind(n_numeric: int, n_categorical: int, numbers: Any, categories: Any) -> ColumnTransformer:
    """Apply one transformer to the numeric and another to the categorical features."""
    parts = [
        ("numbers", numbers, list(range(n_numeric))),
        ("categories", categories, list(range(n_numeric, n_numeric + n_categorical))),
    ]
    return ColumnTransformer([part for part in parts if part[2]])


def whole_numbers(settings: Mapping[str, float]) -> dict[str, float]:
    """Turn 200.0 into 200: YAML lists read as floats, but counts must be integers.

    A share such as `max_features: 1.0` stays a float, because 1 would mean one feature.
    """
    counts = {"max_iter", "max_leaf_nodes", "min_samples_leaf", "max_depth", "max_bins"}
    return {name: int(value) if name in counts else value for name, value in settings.items()}
