"""Export of the trained network to ONNX, which the service runs without PyTorch.

The graph takes `images`, uint8 of shape (n, channels, height, width), and returns

    logits   float32, shape (n, classes)
    maps     float32, shape (n, classes, rows, columns): where in the image evidence for each class lies (`gradcam.py`)
"""

import torch
from torch import Tensor, nn

from .model import ImageClassifier
from .torch_export import export_graph

# Largest difference between two logits that is accepted. Both compute in single precision, in another order: logits of
# some 10 differ by some 1e-5.
TOLERANCE = 1e-3


class Served(nn.Module):
    """The network with its maps."""

    def __init__(self, model: ImageClassifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and maps."""
        logits, maps = self.look(images)
        if self.model.mirror:
            mirrored_logits, mirrored_maps = self.look(images.flip(3))
            logits, maps = (logits + mirrored_logits) / 2, maps + mirrored_maps.flip(3)
        return logits, torch.relu(maps)

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits, and the features weighted for each class."""
        features = self.model.features(images)
        # Up to a factor that is the same for all places, the mean gradient is the weight of the channel.
        maps = torch.einsum("nchw,kc->nkhw", features, self.model.head.weight)
        return self.model.classify(features), maps


def export_onnx(model: ImageClassifier, images: Tensor) -> bytes:
    """Convert a trained network.

    Args:
        model: On the CPU, in evaluation mode.
        images: Two images or more, shape (n, channels, height, width), uint8.

    Returns:
        The serialised graph.
    """
    return export_graph(Served(model).eval(), {"images": images}, ["logits", "maps"], {"images": {0: "rows"}})
