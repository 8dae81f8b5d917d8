"""The network: a small residual CNN (He et al. 2016, https://arxiv.org/abs/1512.03385), or a pretrained one.

Shapes in comments are for the default: n images of 28 x 28 pixels in grey, width 48, 10 classes.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from .params import ModelSection

# So many training images give mean and deviation of the pixels to the third digit.
SAMPLE = 10_000
# A pretrained network is asked once how many channels its features have, with an image of this size.
PROBE = 64


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation over the batch of all processes together (Ioffe and Szegedy 2015).

    PyTorch's own `SyncBatchNorm` does the same on GPUs only. Without it each of two processes would normalise by its
    own half of the batch, and two processes would train another model than one.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x, shape (n, channels, height, width)."""
        if not (self.training and dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
            return super().forward(x)
        places = [0, 2, 3]
        count = x.numel() / x.shape[1] * dist.get_world_size()
        total, squares = all_reduce(torch.stack([x.sum(places), (x * x).sum(places)])) / count  # type: ignore[no-untyped-call]
        variance = squares - total * total
        with torch.no_grad():  # what is used after training
            self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
            self.running_mean.lerp_(total, self.momentum)  # type: ignore[union-attr, arg-type]
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)  # type: ignore[union-attr, arg-type]
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normalised: Tensor = x * scale.view(1, -1, 1, 1) + (self.bias - total * scale).view(1, -1, 1, 1)
        return normalised


class Convolution(nn.Sequential):
    """A 3 x 3 convolution, normalised, with ReLU; height and width stay."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),  # normalisation has a bias of its own
            BatchNorm(channels_out),
            nn.ReLU(),
        )


class Residual(nn.Module):
    """x + f(x), so that gradients reach the layers below undiminished; f is two convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Convolution(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), BatchNorm(channels))
        # At the start f is zero and the block passes x on: training begins with a shallow network (Goyal et al. 2017).
        nn.init.zeros_(self.second[1].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Shapes of input and output are equal."""
        return torch.relu(x + self.second(self.first(x)))


def small_resnet(channels: int, width: int) -> nn.Sequential:
    """Return the layers from a normalised image to its features."""
    return nn.Sequential(  # (n, 1, 28, 28)
        Convolution(channels, width // 2),  # (n, 24, 28, 28)
        nn.MaxPool2d(2),  # (n, 24, 14, 14)
        Convolution(width // 2, width),  # (n, 48, 14, 14)
        Residual(width),  # (n, 48, 14, 14)
        nn.MaxPool2d(2),  # (n, 48, 7, 7)
        Convolution(width, 2 * width),  # (n, 96, 7, 7)
        Residual(2 * width),  # (n, 96, 7, 7)
    )


class Pretrained(nn.Module):
    """The layers of a pretrained network, from a normalised image to its features."""

    def __init__(self, name: str, channels: int, *, freeze: bool) -> None:
        """Load it.

        Args:
            name: On the Hugging Face hub, or a folder.
            channels: Of the images; most networks want three.
            freeze: Its weights stay as they are.

        Raises:
            SystemExit: If transformers is not installed, or the network cannot be loaded or is not convolutional.
        """
        super().__init__()
        try:
            from transformers import AutoModel
        except ImportError:
            raise SystemExit("error: model.backbone needs transformers: uv sync --group transfer") from None
        try:
            self.network: Any = AutoModel.from_pretrained(name)
            with torch.inference_mode():
                features = self(torch.zeros(1, channels, PROBE, PROBE))
        except (OSError, ValueError, RuntimeError, AttributeError) as error:
            raise SystemExit(f"error: model.backbone '{name}' cannot be used: {error}") from error
        if features.ndim != 4:
            raise SystemExit(f"error: model.backbone '{name}' gives no feature maps: take a convolutional network")
        self.network.requires_grad_(not freeze)
        self.freeze = freeze
        self.channels = int(features.shape[1])

    def train(self, mode: bool = True) -> "Pretrained":
        """Switch to training; what is frozen stays in evaluation, its normalisation too."""
        return super().train(mode and not self.freeze)

    def forward(self, x: Tensor) -> Tensor:
        """From (n, channels, height, width) to features of lower resolution and more channels."""
        features: Tensor = self.network(pixel_values=x).last_hidden_state
        return features


class ImageClassifier(nn.Module):
    """From pixels to logits: normalise, extract features, pool them over the image, and weigh them for each class."""

    mean: Tensor
    std: Tensor

    def __init__(self, params: ModelSection, mean: Tensor, std: Tensor, classes: int) -> None:
        """Build the network with new weights (or those of the backbone).

        Args:
            params: Which network.
            mean: Of the training pixels, for each channel, from 0 to 255; shape (channels,).
            std: Their standard deviation, likewise.
            classes: How many.
        """
        super().__init__()
        self.register_buffer("mean", mean.view(1, -1, 1, 1))
        self.register_buffer("std", std.clamp(min=1).view(1, -1, 1, 1))
        self.pretrained, self.mirror = params.backbone is not None, params.mirror
        if params.backbone is not None:
            backbone = Pretrained(params.backbone, len(mean), freeze=params.freeze)
            self.body: nn.Module = backbone
            width = backbone.channels
        else:
            self.body = small_resnet(len(mean), params.width)
            width = 2 * params.width
        self.head = nn.Linear(width, classes)

    def features(self, images: Tensor) -> Tensor:
        """From (n, channels, height, width) of uint8 to features, (n, 96, 7, 7)."""
        x = (images.float() - self.mean) / self.std
        # The order of memory in which convolutions on a CPU are fastest; the numbers are the same.
        features: Tensor = self.body(x.contiguous(memory_format=torch.channels_last))
        return features

    def classify(self, features: Tensor) -> Tensor:
        """From features to logits, (n, classes).

        The maximum asks whether something is anywhere in the image; pretrained networks were trained with the mean.
        """
        pooled = features.mean((2, 3)) if self.pretrained else features.amax((2, 3))  # (n, 96)
        logits: Tensor = self.head(pooled)
        return logits

    def forward(self, images: Tensor) -> Tensor:
        """From (n, channels, height, width) of uint8 to logits, (n, classes)."""
        logits = self.classify(self.features(images))
        if self.mirror and not self.training:
            return (logits + self.classify(self.features(images.flip(3)))) / 2
        return logits


def new_model(params: ModelSection, images: Tensor, classes: int) -> ImageClassifier:
    """Build a network for these training images, shape (n, channels, height, width), uint8."""
    some = images[:SAMPLE].float()
    mean, std = some.mean((0, 2, 3)), some.std((0, 2, 3))
    model = ImageClassifier(params, mean, std, classes)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model
