"""Putting models into service and taking them back. `promote.py`, `judge.py` and `rollback.py` use it.

Each model that was in service stays in models/archive/VERSION, with the order in history.json.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from .calibration import Calibration
from .config import CHAMPION
from .drift import REFERENCE
from .model_folder import fingerprint, install, read_folder, write_atomically
from .predict import Card, Predictor
from .settings import Settings

ARCHIVE = Path("models/archive")
HISTORY = ARCHIVE / "history.json"


def history() -> list[str]:
    """Return the versions that were put into service, oldest first."""
    return json.loads(HISTORY.read_text(encoding="utf-8")) if HISTORY.exists() else []


def release(card: Card, source: Path, champion: Path = CHAMPION, reference: Path | None = None) -> None:
    """Put a model into service, and keep a copy of it.

    Args:
        card: Its card, with its results.
        source: The folder with its graph.
        champion: The folder that the service reads.
        reference: The model's reference for drift, where it does not lie beside the graph.
    """
    put(card, source, ARCHIVE / card.version, reference)
    put(card, source, champion, reference)
    write_atomically(HISTORY, json.dumps([*history(), card.version], indent=2) + "\n")


def put(card: Card, source: Path, folder: Path, reference: Path | None = None) -> None:
    """Copy a model into a folder; model.json comes last, so that whoever watches it finds everything else there."""
    folder.mkdir(parents=True, exist_ok=True)
    reference = reference or source / REFERENCE
    if reference.exists():
        write_atomically(folder / REFERENCE, reference.read_text(encoding="utf-8"))
    install(card, source, folder, {"rows": [card.example]})


def roll_back(champion: Path = CHAMPION) -> str:
    """Put the model before this one back into service; returns its version.

    Raises:
        LookupError: If there is none.
    """
    versions = history()
    if len(versions) < 2:
        raise LookupError("there is no model before this one")
    folder = ARCHIVE / versions[-2]
    put(read_folder(folder, Card)[1], folder, champion)
    write_atomically(HISTORY, json.dumps(versions[:-1], indent=2) + "\n")
    return versions[-2]


def withdraw(folder: Path | None = None) -> None:
    """Take a challenger out of shadow mode."""
    folder = folder or Settings().challenger_dir
    (folder / "model.json").unlink(missing_ok=True)  # first, so that nobody finds half a model
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def release_base_rate(share: float, metrics: dict[str, Any]) -> Card:
    """Put a model into service that says the same probability for every row: a calibration curve without a slope.

    Args:
        share: Of the positive class.
        metrics: What the card shall say.
    """
    graph, card = read_folder(CHAMPION, Card)
    flat = Calibration(slopes=[0.0], intercepts=[float(np.log(share / (1 - share)))])
    card = card.model_copy(update={"calibration": flat, "metrics": metrics, "importance": {}})
    card.version = fingerprint(graph, card)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        (source / card.graph_file).write_bytes(graph)
        if (CHAMPION / REFERENCE).exists():
            shutil.copyfile(CHAMPION / REFERENCE, source / REFERENCE)
        release(card, source)
    return card


def challenger() -> Predictor | None:
    """Load the model in shadow mode; None where there is none that works."""
    try:
        return Predictor.load(Settings().challenger_dir)
    except (OSError, ValueError):
        return None
