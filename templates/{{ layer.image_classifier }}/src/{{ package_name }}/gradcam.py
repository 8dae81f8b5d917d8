"""Where does the network look? Grad-CAM (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391).

The gradient of a class' logit says how much each feature channel matters for it. The channels, weighted by that, show
where in the image evidence for the class lies. This network pools and then weighs once, so that the gradient is known
without computing it, and the exported graph gives the same maps without PyTorch (`export.py`; a test compares them).
"""

import torch
from torch import Tensor

from .model import ImageClassifier


def gradcam(model: ImageClassifier, images: Tensor, classes: Tensor) -> Tensor:
    """Return one map for each image.

    Args:
        model: In evaluation mode.
        images: Shape (n, channels, height, width), uint8.
        classes: The class to explain for each image, shape (n,).

    Returns:
        Shape (n, rows, columns) of the features' resolution, from 0 to 1; all 0 where nothing speaks for the class.
    """
    maps = weighted_features(model, images, classes)
    if model.mirror:
        maps = maps + weighted_features(model, images.flip(3), classes).flip(2)
    maps = torch.relu(maps)
    return maps / maps.amax((1, 2), keepdim=True).clamp(min=1e-12)


def weighted_features(model: ImageClassifier, images: Tensor, classes: Tensor) -> Tensor:
    """Return the feature channels, weighted by the mean gradient of a class' logit, shape (n, rows, columns)."""
    features = model.features(images).detach().requires_grad_()
    logits = model.classify(features)
    (gradient,) = torch.autograd.grad(logits[torch.arange(len(images)), classes].sum(), features)
    weights = gradient.mean((2, 3), keepdim=True)  # (n, channels, 1, 1)
    return (weights * features.detach()).sum(1)
