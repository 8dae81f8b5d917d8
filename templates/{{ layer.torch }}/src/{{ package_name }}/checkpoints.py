"""Checkpoints: what a training that was killed goes on from. `loop.py` writes one after each epoch.

models/checkpoints/ holds, while a training runs,

    run.json          whose checkpoints these are: a checksum of parameters and data, and the MLflow run
    epoch-007/        model, optimiser, schedule and random states, as Accelerate writes them
    best.safetensors  the weights of the best epoch so far

A checkpoint of other parameters or data is never gone on from. When training has succeeded the folder is removed.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from safetensors.torch import load_model, save_model
from torch import nn


class Checkpoints:
    """The checkpoints of one training.

    Attributes:
        run_id: The MLflow run that these checkpoints belong to; None before `own`.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        """Find the checkpoints of a training.

        Args:
            folder: Where they lie.
            identity: Checksum of all that decides the result; see `identity_of`.
        """
        self.folder = folder
        self.identity = identity
        self.run_id: str | None = None
        try:
            record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if record["identity"] == identity:
            self.run_id = record["run_id"]

    @property
    def best(self) -> Path:
        """The weights of the best epoch."""
        return self.folder / "best.safetensors"

    def own(self, run_id: str) -> None:
        """Make the folder this training's: what another one has left is removed."""
        if run_id == self.run_id:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        record = json.dumps({"identity": self.identity, "run_id": run_id})
        (self.folder / "run.json").write_text(record + "\n", encoding="utf-8")
        self.run_id = run_id

    def newest(self) -> Path | None:
        """Return the newest complete checkpoint."""
        return max(self.folder.glob("epoch-*"), default=None)

    def save(self, accelerator: Accelerator, epoch: int) -> None:
        """Write a checkpoint under another name first, so that a kill never leaves half of one.

        Called by every process: each writes its own random states.
        """
        partial = self.folder / "partial"
        if accelerator.is_main_process:
            shutil.rmtree(partial, ignore_errors=True)
        accelerator.wait_for_everyone()
        accelerator.save_state(str(partial))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            older = list(self.folder.glob("epoch-*"))
            partial.rename(self.folder / f"epoch-{epoch:04d}")
            for folder in older:
                shutil.rmtree(folder)
        accelerator.wait_for_everyone()

    def keep_best(self, accelerator: Accelerator, model: nn.Module) -> None:
        """Keep the weights of this epoch as the best."""
        if accelerator.is_main_process:
            partial = self.best.with_suffix(".partial")
            save_model(accelerator.unwrap_model(model), str(partial))
            partial.replace(self.best)
        accelerator.wait_for_everyone()

    def load_best(self, model: nn.Module) -> None:
        """Put the weights of the best epoch into a model."""
        load_model(model, self.best)

    def remove(self) -> None:
        """Remove everything: the training has succeeded."""
        shutil.rmtree(self.folder, ignore_errors=True)


def identity_of(*parts: Any, files: list[Path]) -> str:
    """Return a checksum of what decides a training's result.

    Args:
        parts: Anything that JSON can hold: parameters.
        files: Files whose content counts: prepared data, the code of model and training.
    """
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    for path in files:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
