"""Export of the trained pipeline to ONNX, which the service runs without scikit-learn.

The graph takes the matrix of `features.py` and returns `prediction`: float32, shape (rows, classes), the score of each
class before calibration.
"""

from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from skl2onnx.operator_converters.random_forest import convert_sklearn_random_forest_classifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

from .onnx_export import finish, graph_of, register

# Largest difference between two probabilities that is accepted. Scores are sums of some hundred trees, one in double,
# the other in single precision: they differ by some 1e-6, and the logistic curve changes by at most a quarter of that.
TOLERANCE = 1e-5


def export_onnx(model: Pipeline, width: int) -> bytes:
    """Convert a fitted model.

    Args:
        model: A pipeline of `model.boosting`, fitted.
        width: Number of columns of the matrix.

    Returns:
        The serialised graph.
    """
    register(
        HistGradientBoostingClassifier,
        convert_sklearn_random_forest_classifier,
        calculate_linear_classifier_output_shapes,
        options={"zipmap": [True, False], "raw_scores": [True, False], "nocl": [True, False]},
    )
    graph = graph_of(model, width, zipmap=False, raw_scores=True)
    return finish(graph, graph.graph.output[1].name)
