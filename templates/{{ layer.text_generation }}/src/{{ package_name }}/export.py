"""Export of the trained network to ONNX, which the service runs without PyTorch.

The graph reads some more tokens of one text:

    tokens    int64, shape (n,)
    past      float32, shape (layers, 2, kv_heads, p, head_dim): keys and values of the tokens before; p may be 0
    logits    float32, shape (n, vocabulary): of what comes after each of them
    present   float32, shape (layers, 2, kv_heads, p + n, head_dim): the past of the next call
"""

import torch
from torch import Tensor, nn

from .model import Decoder
from .torch_export import export_graph

# Largest difference between two logits that is accepted. Both compute in single precision, in another order: logits of
# some 20 differ by some 1e-4.
TOLERANCE = 1e-2


class Step(nn.Module):
    """A network as the graph of one step."""

    def __init__(self, model: Decoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and present."""
        return self.model.step(tokens, past)


def export_onnx(model: Decoder) -> bytes:
    """Convert a trained network, on the CPU; returns the serialised graph."""
    shape = model.shape
    past = torch.zeros(shape.layers, 2, shape.kv_heads, 5, shape.head_dim)
    return export_graph(
        Step(model).eval(),
        {"tokens": torch.zeros(3, dtype=torch.int64), "past": past},
        ["logits", "present"],
        {"tokens": {0: "new"}, "past": {3: "before"}},
    )
