"""From a fitted scikit-learn pipeline to an ONNX graph, with two details of skl2onnx mended. `export.py` calls it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.common.data_types import FloatTensorType
from sklearn.pipeline import Pipeline

from .pipelines import without_encoders

Converter = Callable[[Any, Any, Any], None]


def register(model: type, converter: Converter, shapes: Callable[[Any], None], **options: Any) -> None:
    """Tell skl2onnx to convert a boosting model with its own converter, mended.

    Args:
        model: HistGradientBoostingRegressor or HistGradientBoostingClassifier.
        converter: skl2onnx's converter for it.
        shapes: skl2onnx's calculator of output shapes for it.
        options: Options that the converter reads.
    """
    update_registered_converter(model, f"{model.__name__}Exact", shapes, mended(converter), **options)


def mended(converter: Converter) -> Converter:
    """Wrap a converter of trees: skl2onnx 1.20 writes Python booleans where ONNX wants integers; protobuf 7 refuses."""

    def convert(scope: Any, operator: Any, container: Any) -> None:
        original = container.add_node

        def add_node(op_type: str, inputs: Any, outputs: Any, **attributes: Any) -> Any:
            if op_type.startswith("TreeEnsemble"):
                tracks = attributes["nodes_missing_value_tracks_true"]
                attributes["nodes_missing_value_tracks_true"] = [int(flag) for flag in tracks]
            return original(op_type, inputs, outputs, **attributes)

        container.add_node = add_node
        try:
            converter(scope, operator, container)
        finally:
            container.add_node = original

    return convert


def round_thresholds(model: Any) -> None:
    """Round the split thresholds of a boosting model down to single precision, in which the graph compares.

    skl2onnx rounds them to the nearest float32. A threshold in the middle between 43.3 and 43.5 can so move past the
    value 43.4, which then falls on the other side. Rounded down, every float32 value stays on its side.
    """
    for predictors in model._predictors:  # skl2onnx reads the trees from there too
        for predictor in predictors:
            nodes = predictor.nodes.copy()
            nodes["num_threshold"] = round_down(nodes["num_threshold"])
            predictor.nodes = nodes


def round_down(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to the largest float32 that is not above each value."""
    single = values.astype(np.float32)
    too_high = single.astype(np.float64) > values
    single[too_high] = np.nextafter(single[too_high], np.float32(-np.inf))
    return single.astype(np.float64)


def graph_of(pipeline: Pipeline, width: int, **options: Any) -> onnx.ModelProto:
    """Convert a fitted pipeline without its encoders.

    Args:
        pipeline: Starts with `pipelines.by_kind`, ends with a registered model.
        width: Number of columns of the matrix; the graph's input `features` has shape (rows, width).
        options: skl2onnx's options for the model.
    """
    bare = without_encoders(pipeline, width)
    round_thresholds(bare.steps[-1][1])
    inputs = [("features", FloatTensorType([None, width]))]
    return to_onnx(bare, initial_types=inputs, options={id(bare.steps[-1][1]): options} if options else None)


def finish(graph: onnx.ModelProto, output: str, operator: str = "Identity") -> bytes:
    """Name an output `prediction`, behind an operator, drop the other outputs, and check the graph.

    Returns:
        The serialised graph.
    """
    graph.graph.node.append(helper.make_node(operator, [output], ["prediction"], name="to_prediction"))
    (learned,) = (put for put in graph.graph.output if put.name == output)
    learned.name = "prediction"
    del graph.graph.output[:]
    graph.graph.output.append(learned)
    # skl2onnx writes these in the order of a set: the same model would get another checksum, and so another version.
    domains = sorted((opset.domain, opset.version) for opset in graph.opset_import)
    del graph.opset_import[:]
    graph.opset_import.extend(helper.make_opsetid(*opset) for opset in domains)
    onnx.checker.check_model(graph, full_check=True)
    return bytes(graph.SerializeToString())
