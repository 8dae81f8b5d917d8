"""Export of the trained pipeline to ONNX, which the service runs without scikit-learn.

The graph takes the matrix of `features.py` and returns `prediction`: float32, shape (rows, 1), in the target's unit.
"""

import numpy as np
from skl2onnx.common.shape_calculator import calculate_linear_regressor_output_shapes
from skl2onnx.operator_converters.random_forest import convert_sklearn_random_forest_regressor_converter
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor

from .onnx_export import finish, graph_of, register

# Largest relative difference between the two predictions that is accepted. Both sum some hundred trees, one in
# double, the other in single precision (relative rounding 6e-8), then take the exponential of a number near 12.
TOLERANCE = 1e-4


def export_onnx(model: TransformedTargetRegressor, width: int) -> bytes:
    """Convert a fitted model.

    Args:
        model: A pipeline of `model.boosting`, wrapped by `model.on_scale`, fitted.
        width: Number of columns of the matrix.

    Returns:
        The serialised graph.
    """
    register(
        HistGradientBoostingRegressor,
        convert_sklearn_random_forest_regressor_converter,
        calculate_linear_regressor_output_shapes,
    )
    graph = graph_of(model.regressor_, width)
    return finish(graph, graph.graph.output[0].name, "Exp" if model.func is np.log else "Identity")
