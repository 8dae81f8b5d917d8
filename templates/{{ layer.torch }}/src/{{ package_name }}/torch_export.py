"""Export of a PyTorch module to ONNX, checked. The stage's `export.py` says which inputs and outputs there are."""

import contextlib
import io
import logging
import warnings
from collections.abc import Mapping

import onnx
import torch
from torch import Tensor, nn


def export_graph(
    module: nn.Module, examples: Mapping[str, Tensor], output_names: list[str], lengths: Mapping[str, Mapping[int, str]]
) -> bytes:
    """Convert a module.

    Args:
        module: In evaluation mode; its forward returns a tensor, or a tuple of as many tensors as there are names.
        examples: An input for each name, in the order of the forward's arguments. A dimension whose length may vary is
            two or longer (PyTorch takes one for a constant).
        output_names: Names of the graph's outputs.
        lengths: For each input the dimensions whose length may vary, each with a name for it.

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
            tuple(examples.values()),
            dynamo=True,
            input_names=list(examples),
            output_names=output_names,
            dynamic_shapes=tuple(
                {place: torch.export.Dim(length) for place, length in lengths.get(name, {}).items()}
                for name in examples
            ),
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
