"""The training loop: epochs of steps, a look at the validation part, a checkpoint, and a stop when nothing improves.

An epoch is what lies between two looks: once through the data, or some steps where the data are too many for that.

It knows neither images nor texts: a `Task` gives batches and losses. `train.py` builds the task and calls `fit`.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from tqdm import tqdm

from .checkpoints import Checkpoints

Report = Callable[[Mapping[str, float]], None]


class Task(Protocol):
    """What is trained on what."""

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        ...

    def batches(self, epoch: int) -> Iterable[Any]:
        """Return this process' part of each batch of an epoch, the same whenever the epoch is repeated."""
        ...

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        """Return the mean loss of a batch, a scalar."""
        ...

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Judge the model on the validation part; `loss` decides which epoch is best."""
        ...


class Progress:
    """How far a training has come; it travels with each checkpoint.

    Attributes:
        epoch: Epochs that are done.
        best: Smallest validation loss so far, and `best_epoch`, the epoch that reached it.
        history: The figures of each epoch.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.best = math.inf
        self.best_epoch = 0
        self.history: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint holds."""
        return vars(self).copy()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what a checkpoint held."""
        vars(self).update(state)


def fit(
    accelerator: Accelerator,
    model: nn.Module,
    optimizers: Sequence[Optimizer],
    schedules: Sequence[LRScheduler],
    task: Task,
    *,
    epochs: int,
    patience: int,
    checkpoints: Checkpoints,
    report: Report,
    clip: float | None = None,
) -> Progress:
    """Train until the last epoch, or until the validation loss has not improved for some; the best weights stay.

    Args:
        accelerator: Where training runs.
        model: Changed in place.
        optimizers: Each of some of the model's parameters.
        schedules: Of the optimisers' learning rates; stepped after each batch. The first one's is reported.
        task: Batches, loss and validation.
        epochs: At most.
        patience: Epochs without an improvement after which to stop.
        checkpoints: What was left by an earlier, killed run is gone on from.
        report: Called by the main process with the figures of each epoch.
        clip: Largest norm of the gradient of all parameters together; a larger one is scaled down.

    Raises:
        SystemExit: If the loss is no longer a number.
    """
    bare = model
    model, *optimizers = accelerator.prepare(model, *optimizers)
    progress = Progress()
    accelerator.register_for_checkpointing(*schedules, progress)
    newest = checkpoints.newest()
    if newest is not None:
        accelerator.load_state(str(newest))
        accelerator.print(f"Going on after epoch {progress.epoch}, from {newest}")
    for epoch in range(progress.epoch + 1, epochs + 1):
        if epoch - 1 - progress.best_epoch >= patience:
            accelerator.print(f"No improvement since epoch {progress.best_epoch}: stopped early")
            break
        started = time.perf_counter()
        title = f"epoch {epoch}/{epochs}"
        mean_loss = train_epoch(accelerator, model, optimizers, schedules, task, title, epoch, clip)
        seconds = time.perf_counter() - started
        found = task.validate(bare)
        figures: dict[str, float] = {"epoch": epoch, "train_loss": mean_loss}
        figures["learning_rate"] = float(schedules[0].get_last_lr()[0])
        figures |= {f"validation_{name}": value for name, value in found.items()}
        figures["epoch_seconds"] = seconds
        progress.history.append(figures)
        if found["loss"] < progress.best:
            progress.best, progress.best_epoch = found["loss"], epoch
            checkpoints.keep_best(accelerator, model)
        progress.epoch = epoch
        if accelerator.is_main_process:
            report(figures)
        checkpoints.save(accelerator, epoch)
    accelerator.unwrap_model(model, keep_fp32_wrapper=False)  # takes mixed precision off again
    checkpoints.load_best(bare)
    return progress


def train_epoch(
    accelerator: Accelerator,
    model: nn.Module,
    optimizers: Sequence[Optimizer],
    schedules: Sequence[LRScheduler],
    task: Task,
    title: str,
    epoch: int,
    clip: float | None,
) -> float:
    """Take one step for each batch and return the mean loss.

    Raises:
        SystemExit: If the loss is no longer a number.
    """
    model.train()
    total = torch.zeros((), device=accelerator.device)
    # `disable=None`: no bar where the output is no terminal, such as in CI.
    hidden = None if accelerator.is_local_main_process else True
    bar = tqdm(task.batches(epoch), desc=title, total=task.steps, leave=False, disable=hidden)
    for batch in bar:
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = task.loss(model, batch)
        accelerator.backward(loss)
        if clip is not None:
            accelerator.clip_grad_norm_(model.parameters(), clip)
        for optimizer in optimizers:
            optimizer.step()
        for schedule in schedules:
            schedule.step()
        total += loss.detach()
    mean = accelerator.reduce(total / task.steps, reduction="mean")
    if not torch.isfinite(mean):
        raise SystemExit(f"error: the loss is no longer a number in {title}: try a smaller train.learning_rate")
    return float(mean)
