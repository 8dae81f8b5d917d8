"""The model folder: what training leaves behind for evaluation, promotion and the service.

It holds the ONNX graph with its card (model.json) for the service, and the scikit-learn pipelines for evaluation.
`train.py` writes it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import skops.io

from . import tracking
from .contract import Column, ServedColumn
from .served import ServedCard

# Types inside the saved pipelines that skops does not know by itself. Loading trusts these and no others.
TRUSTED_TYPES = [
    "numpy.dtype",
    # Its node indices are not checked when trees are walked: load only files that you or your CI made.
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.tree._tree.Tree",
]


def served_columns(train: pd.DataFrame, columns: Sequence[Column]) -> list[ServedColumn]:
    """Add to columns what training saw of them."""
    served = []
    for column in columns:
        values = train[column.name].dropna()
        known = ServedColumn(**column.model_dump())
        if column.kind == "category":
            known.categories = sorted(values.astype(str).unique())
            commonest = train[column.name].mode(dropna=False).iloc[0]
            known.typical = None if pd.isna(commonest) else str(commonest)
        elif len(values):
            # An observed value, so that counts stay whole numbers.
            middle = values.quantile(0.5, interpolation="nearest")
            if column.kind == "number":
                known.low, known.high = float(values.min()), float(values.max())
                known.typical = float(middle)
            else:
                known.typical = plain(middle)
        served.append(known)
    return served


def example_row(row: pd.Series, columns: Sequence[Column]) -> dict[str, Any]:
    """Turn a row of a table into what a request holds."""
    return {column.name: plain(row[column.name]) for column in columns}


def plain(value: Any) -> float | str | None:
    """Turn one value of a table into what JSON holds; a time becomes ISO 8601."""
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value if isinstance(value, str) else float(value)


def save(folder: Path, card: ServedCard, graph: bytes, models: dict[str, Any]) -> None:
    """Write a model folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / card.graph_file).write_bytes(graph)
    (folder / "model.json").write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    for name, model in models.items():
        skops.io.dump(model, folder / f"{name}.skops")


def load_pipeline(folder: Path, name: str) -> Any:
    """Read one of the scikit-learn pipelines back; nothing in the file can run code."""
    return skops.io.load(folder / f"{name}.skops", trusted=TRUSTED_TYPES)


def log_model(mlflow: Any, model: Any, table: pd.DataFrame) -> str:
    """Store a scikit-learn pipeline in the run, with its signature, in skops' format; returns its address."""
    # Requirements are named here because finding them out takes MLflow several seconds.
    packages = ["scikit-learn", "skops", "pandas", "numpy"]
    logged = mlflow.sklearn.log_model(
        model,
        name="model",
        signature=mlflow.models.infer_signature(table[:100], model.predict(table[:5])),
        input_example=table[:2],
        pip_requirements=tracking.pinned(packages),
        serialization_format="skops",
        skops_trusted_types=TRUSTED_TYPES,
    )
    return str(logged.model_uri)
