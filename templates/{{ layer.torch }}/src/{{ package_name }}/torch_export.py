"""Export of a PyTorch module to ONNX, checked. The stage's `export.py` says which inputs and outputs there are."""

import contextlib
import io
import logging
import warnings

import onnx
import torch
from torch import Tensor, nn


def export_graph(module: nn.Module, example: Tensor, input_name: str, output_names: list[str]) -> bytes:
    """Convert a module with one input whose first dimension may have any length.

    Args:
        module: In evaluation mode; its forward returns a tensor, or a tuple of as many tensors as there are names.
        example: An input, with two rows or more (PyTorch takes one row for a constant).
        input_name: Name of the graph's input.
        output_names: Names of the graph's outputs.

    Returns:
        The serialised graph.
    """
    # The exporter tells its progress and its doubts about itself to print, logging and warnings alike.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    logging.getLogger("onnxscript").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            input_names=[input_name],
            output_names=output_names,
            dynamic_shapes=({0: torch.export.Dim("rows")},),
        )
    if program is None:
        raise RuntimeError("the exporter returned no graph")
    graph = program.model_proto
    # Where each node came from in the source: paths of this machine, which nobody needs in the graph.
    for node in graph.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.checker.check_model(graph, full_check=True)
    return bytes(graph.SerializeToString(deterministic=True))
