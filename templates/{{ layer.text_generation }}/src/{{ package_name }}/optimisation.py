"""Optimisers and the schedule of their learning rates. `train.py` uses it."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from .muon import Muon
from .params import TrainSection


def optimisers(model: nn.Module, params: TrainSection) -> list[Optimizer]:
    """Return Muon for the matrices inside of the blocks, and AdamW (Loshchilov and Hutter 2019) for all else.

    Embeddings are matrices, too, but each of their rows is a vector of its own. What fine-tuning adds is not for Muon:
    LoRA's matrices are thin, and AdamW is what its settings are made for.

    Args:
        model: Weights that are frozen are left alone.
        params: Learning rates and weight decay.
    """
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    lora = any("lora_" in name for name in trained)
    matrices = {name for name, weight in trained.items() if weight.ndim == 2 and "layers." in name and not lora}
    others = [weight for name, weight in trained.items() if name not in matrices]
    groups = [
        {"params": [each for each in others if each.ndim > 1], "weight_decay": params.weight_decay},
        {"params": [each for each in others if each.ndim <= 1], "weight_decay": 0.0},
    ]
    adamw = torch.optim.AdamW(
        [group for group in groups if group["params"]], lr=params.learning_rate, betas=(0.9, 0.95)
    )
    if not matrices:
        return [adamw]
    # AdamW's decay is multiplied by a learning rate a third of this one's: the same parameter means about the same.
    muon = Muon([trained[name] for name in sorted(matrices)], params.matrix_learning_rate, params.weight_decay)
    return [adamw, muon]


def schedules(optimizers: Sequence[Optimizer], params: TrainSection) -> list[LambdaLR]:
    """Return a trapezoid for each optimiser: up, level, and down to nothing (Zhai et al. 2022; Hägele et al. 2024).

    Unlike a cosine it leaves its high level as late as one likes, so that a training can be made longer from there.
    """
    steps = params.rounds * params.round_steps

    def share(step: int) -> float:
        done = (step + 1) / steps
        return max(0.0, min(1.0, done / (params.warm_up + 1e-9), (1 - done + 1 / steps) / (params.cool_down + 1e-9)))

    return [LambdaLR(optimizer, share) for optimizer in optimizers]
