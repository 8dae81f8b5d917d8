"""The trained model as the peers load it: the scikit-learn pipeline, or the ONNX session that our service uses too.

Two folders come in by the environment: CANDIDATE_DIR holds `model.skops`, MODEL_DIR holds `model.json` and the graph.
Libraries are imported where they are needed, because not every peer's environment has all of them.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, create_model

MISSING = "(missing)"  # what the training code writes for a category that is not there
TRUSTED_TYPES = ["numpy.dtype", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]


def card() -> dict[str, Any]:
    """Return the description of the model: its columns and an example row."""
    content: dict[str, Any] = json.loads((Path(os.environ["MODEL_DIR"]) / "model.json").read_text(encoding="utf-8"))
    return content


def names(kind: str) -> list[str]:
    """Return the names of the numeric (`number`) or categorical (`category`) columns, in order."""
    return [column["name"] for column in card()["columns"] if column["kind"] == kind]


def row_model() -> type[BaseModel]:
    """Return the pydantic model of one row, as one would write it by hand: a typed field for each column."""
    fields: dict[str, Any] = {}
    for column in card()["columns"]:
        kind: Any = float if column["kind"] == "number" else str
        fields[column["name"]] = (kind | None, None) if column["nullable"] else (kind, ...)
    return create_model("Row", **fields)


class SklearnModel:
    """The scikit-learn pipeline; rows go through a pandas table, as in training."""

    def __init__(self) -> None:
        import skops.io

        self.pipeline = skops.io.load(Path(os.environ["CANDIDATE_DIR"]) / "model.skops", trusted=TRUSTED_TYPES)
        self.numbers, self.categories = names("number"), names("category")

    def predict(self, rows: Any) -> list[float]:
        """Predict a table, or rows that make one."""
        import pandas as pd

        frame = pd.DataFrame(rows)
        numbers = frame[self.numbers].astype("float32")
        categories = frame[self.categories].astype(object).fillna(MISSING)
        predictions: list[float] = self.pipeline.predict(pd.concat([numbers, categories], axis="columns")).tolist()
        return predictions


class OnnxModel:
    """The same model as an ONNX graph, run by the same session with the same options as in our service.

    The graph starts behind the encoders, so the codes of the categories are looked up as our service does.
    """

    def __init__(self) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        graph = Path(os.environ["MODEL_DIR"]) / f"model-{card()['version']}.onnx"
        self.session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.numbers, self.categories = names("number"), names("category")
        self.encodings = card()["encodings"]

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> list[float]:
        """Predict rows."""
        import numpy as np

        numeric = np.array([[row[name] for name in self.numbers] for row in rows], dtype=np.float32)
        codes = [[self.code(row, encoding) for encoding in self.encodings] for row in rows]
        features = np.hstack([numeric, np.array(codes, dtype=np.float32)])
        (output,) = self.session.run(["prediction"], {"features": features})
        predictions: list[float] = output[:, 0].tolist()
        return predictions

    @staticmethod
    def code(row: Mapping[str, Any], encoding: Mapping[str, Any]) -> float:
        """Return the number of a row's category."""
        text = row[encoding["feature"]]
        (number,) = encoding["numbers"].get(MISSING if text is None else text, encoding["unknown"])
        return float(number)


def load() -> SklearnModel | OnnxModel:
    """Return the model in the form that the environment variable MODEL asks for: `sklearn` or `onnx`."""
    return {"sklearn": SklearnModel, "onnx": OnnxModel}[os.environ["MODEL"]]()
