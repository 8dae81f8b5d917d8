"""Building blocks of the scikit-learn pipelines, and what the export needs to know of a fitted one.

Each pipeline starts with `by_kind`, which reads the table of `features.py`: numeric features first, addressed by
position, so that the exported graph can take the matrix that the service has.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder
from threadpoolctl import threadpool_limits

from .encoding import Encoding

# Below this many rows threads cost more than they gain, because they wait for each other all the time. On two busy
# cores one fit of 2,000 house prices took 13 s with two threads and 1.8 s with one.
ROWS_WORTH_THREADS = 20_000


def limit_threads(rows: int) -> threadpool_limits:
    """Return a context in which scikit-learn uses as many threads as a table of this size is worth."""
    return threadpool_limits(None if rows >= ROWS_WORTH_THREADS else 1, user_api="openmp")


def by_kind(parts: Sequence[tuple[str, Any, Sequence[int]]]) -> ColumnTransformer:
    """Apply a transformer to each kind of feature; kinds without a feature are left out.

    Args:
        parts: Name, transformer and positions, in the order of the positions.
    """
    return ColumnTransformer(
        [(name, transformer, list(positions)) for name, transformer, positions in parts if positions]
    )


def category_codes() -> OrdinalEncoder:
    """Number the categories. Codes have no order, but trees can cut them apart; what training never saw becomes -1."""
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32)


def whole_numbers(settings: Mapping[str, float]) -> dict[str, float]:
    """Turn 200.0 into 200: YAML lists read as floats, but counts must be integers.

    A share such as `max_features: 1.0` stays a float, because 1 would mean one feature.
    """
    counts = {"max_iter", "max_leaf_nodes", "min_samples_leaf", "max_depth", "max_bins"}
    return {name: int(value) if name in counts else value for name, value in settings.items()}


def encodings_of(pipeline: Pipeline, features: Sequence[str]) -> list[Encoding]:
    """Read what the encoders of a fitted pipeline learned.

    Args:
        pipeline: Starts with `by_kind`.
        features: Names of all features, by position.
    """
    encodings = []
    for _, transformer, positions in pipeline.steps[0][1].transformers_:
        if not hasattr(transformer, "categories_"):
            continue
        for place, position in enumerate(positions):
            categories = [str(category) for category in transformer.categories_[place]]
            if isinstance(transformer, OrdinalEncoder):
                numbers, unknown = [[float(code)] for code in range(len(categories))], [-1.0]
            else:  # a target encoder holds one list for each feature and class
                width = len(transformer.encodings_) // len(positions)
                learned = transformer.encodings_[place * width : (place + 1) * width]
                numbers = [[float(number) for number in row] for row in zip(*learned, strict=True)]
                unknown = [float(mean) for mean in np.atleast_1d(transformer.target_mean_)]
            table = dict(zip(categories, numbers, strict=True))
            encodings.append(Encoding(feature=features[position], numbers=table, unknown=unknown))
    return encodings


def round_encodings(pipeline: Pipeline) -> None:
    """Round what target encoders of a fitted pipeline learned to single precision, in which the graph compares.

    A share in the middle between two such numbers can lie on one side of a threshold here and on the other side there.

    Args:
        pipeline: Starts with `by_kind`; is changed.
    """
    for _, transformer, _ in pipeline.steps[0][1].transformers_:
        if hasattr(transformer, "target_mean_"):
            transformer.encodings_ = [single(learned) for learned in transformer.encodings_]
            transformer.target_mean_ = single(transformer.target_mean_)


def single(values: Any) -> Any:
    """Round to numbers that single precision has."""
    return np.asarray(values).astype(np.float32).astype(np.float64)


def without_encoders(pipeline: Pipeline, width: int) -> Pipeline:
    """Copy a fitted pipeline so that it reads the matrix in which categories are numbers already.

    Args:
        pipeline: Starts with `by_kind`.
        width: Number of columns of the matrix.
    """
    copied = copy.deepcopy(pipeline)
    parts = copied.steps[0][1].transformers_
    numbers = [(name, transformer, positions) for name, transformer, positions in parts if name == "numbers"]
    first = len(numbers[0][2]) if numbers else 0
    encoded = [("encoded", "passthrough", list(range(first, width)))] if first < width else []
    copied.steps[0][1].transformers_ = numbers + encoded
    return copied
