"""Muon, an optimiser for matrices (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/).

It takes the momentum's direction and makes all of its singular values about equal: rare directions learn as fast as
common ones. PyTorch has it, too (`torch.optim.Muon`), in bfloat16, which a CPU without instructions for it computes
slowly. This one computes in the precision of the weights.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer

# A polynomial of odd powers that draws every number between 0 and 1 towards 1; five rounds are enough (ibid.).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ROUNDS = 5


def orthogonalised(matrix: Tensor) -> Tensor:
    """Return the matrix with the same singular vectors and singular values of about 1 (Newton-Schulz iteration).

    Args:
        matrix: Shape (rows, columns).
    """
    a, b, c = COEFFICIENTS
    upright = matrix.shape[0] > matrix.shape[1]  # products of the shorter side are cheaper
    x = matrix.T if upright else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(ROUNDS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x.T if upright else x
    return result


class Muon(Optimizer):
    """Momentum, orthogonalised; for weights of two dimensions inside of a network."""

    def __init__(self, params: Iterable[Tensor], lr: float, weight_decay: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change the weights by their gradients."""
        del closure
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                mean = state.setdefault("momentum_buffer", torch.zeros_like(weight))
                mean.lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(mean, group["momentum"])  # Nesterov's look ahead
                # An update of the same size for every shape, so that one learning rate serves them all.
                size = max(1, weight.shape[0] / weight.shape[1]) ** 0.5
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(orthogonalised(ahead), alpha=-group["lr"] * size)
