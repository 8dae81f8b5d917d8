"""Export of the trained pipeline to ONNX, which the service runs without scikit-learn.

The graph takes the two arrays of `features.py` and returns `prediction`: float32, shape (rows, 1), in the
target's unit.
"""

from typing import Any

import numpy as np
import onnx
from onnx import helper
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from skl2onnx.common.shape_calculator import calculate_linear_regressor_output_shapes
from skl2onnx.operator_converters.random_forest import (
    convert_sklearn_random_forest_regressor_converter,
)
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor

# Largest relative difference between the two predictions that is accepted. Both sum some hundred trees, one in
# double, the other in single precision (relative rounding 6e-8), then take the exponential of a number near 12.
TOLERANCE = 1e-4


def export_onnx(model: TransformedTargetRegressor, n_numeric: int, n_categorical: int) -> bytes:
    """Convert a fitted model.

    Args:
        model: A pipeline of `model.boosting`, wrapped by `model.on_scale`, fitted.
        n_numeric: Number of numeric features.
        n_categorical: Number of categorical features.

    Returns:
        The serialised graph.
    """
    update_registered_converter(
        HistGradientBoostingRegressor,
        "HistGradientBoostingRegressorExact",
        calculate_linear_regressor_output_shapes,
        convert_trees,
    )
    inputs = [
        ("numeric", FloatTensorType([None, n_numeric])),
        ("categorical", StringTensorType([None, n_categorical])),
    ]
    graph = to_onnx(model.regressor_, initial_types=[i for i in inputs if i[1].shape[1]])
    return finish(graph, exponential=model.func is np.log)


def convert_trees(scope: Any, operator: Any, container: Any) -> None:
    """Convert the trees with skl2onnx's own converter, and mend two details of its result.

    skl2onnx 1.20 writes Python booleans where ONNX wants integers, which protobuf 7 refuses. And it rounds split
    thresholds to the nearest float32, which can move one past a training value; rounded down, every float32 value
    falls on the same side as in scikit-learn.
    """
    original = container.add_node

    def add_node(op_type: str, inputs: Any, outputs: Any, **attributes: Any) -> Any:
        if op_type == "TreeEnsembleRegressor":
            tracks = attributes["nodes_missing_value_tracks_true"]
            attributes["nodes_missing_value_tracks_true"] = [int(flag) for flag in tracks]
            attributes["nodes_values"] = round_down(np.asarray(attributes["nodes_values"]))
        return original(op_type, inputs, outputs, **attributes)

    container.add_node = add_node
    try:
        convert_sklearn_random_forest_regressor_converter(scope, operator, container)
    finally:
        container.add_node = original


def round_down(values: np.ndarray[Any, np.dtype[np.float64]]) -> list[float]:
    """Round to the largest float32 that is not above each value."""
    single = values.astype(np.float32)
    too_high = single.astype(np.float64) > values
    single[too_high] = np.nextafter(single[too_high], np.float32(-np.inf))
    return [float(value) for value in single]


def finish(graph: onnx.ModelProto, *, exponential: bool) -> bytes:
    """Name the output `prediction`, behind an exponential if the model learned the logarithm, and check the graph."""
    node = "Exp" if exponential else "Identity"
    learned = graph.graph.output[0]
    graph.graph.node.append(helper.make_node(node, [learned.name], ["prediction"], name="to_unit"))
    learned.name = "prediction"
    # skl2onnx writes these in the order of a set: the same model would get another checksum, and so another version.
    domains = sorted((opset.domain, opset.version) for opset in graph.opset_import)
    del graph.opset_import[:]
    graph.opset_import.extend(helper.make_opsetid(*opset) for opset in domains)
    onnx.checker.check_model(graph, full_check=True)
    return bytes(graph.SerializeToString())
