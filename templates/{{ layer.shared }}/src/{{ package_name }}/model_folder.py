"""The model folder: model.json, the card of a model, beside the ONNX graph that it names.

Training writes one, promotion copies it to where the service reads it, and `predict.py` loads it. The service imports
this module, so only pydantic is needed here.
"""

import hashlib
import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ValidationError


class ModelCard(BaseModel):
    """What travels with the graph of every model, in model.json.

    Attributes:
        decisive: The fields that decide a prediction, together with the graph.
        name, version: The version is a checksum, so equal models have equal versions.
        origin: Run, data hash, git commit and time of training.
        metrics: Results on the test part; filled when the model is promoted.
    """

    decisive: ClassVar[frozenset[str]]

    name: str
    version: str = ""
    origin: dict[str, str]
    metrics: dict[str, Any] = {}

    @property
    def graph_file(self) -> str:
        """Name of the file with the ONNX graph, beside model.json."""
        return f"model-{self.version}.onnx"

    @property
    def files(self) -> list[str]:
        """Names of all files beside model.json that the model needs; each name holds a checksum."""
        return [self.graph_file]


CardT = TypeVar("CardT", bound=ModelCard)


def fingerprint(graph: bytes, card: ModelCard) -> str:
    """Return the version of a model: a checksum of its graph and of all else that decides a prediction."""
    learned = card.model_dump_json(include=set(card.decisive))
    return hashlib.sha256(graph + learned.encode()).hexdigest()[:12]


def read_folder(folder: Path, card_type: type[CardT]) -> tuple[bytes, CardT]:
    """Read the graph and the card of a model folder.

    Raises:
        OSError: If a file is not there.
        ValueError: If the files are damaged or do not belong together.
    """
    try:
        card = card_type.model_validate_json((folder / "model.json").read_bytes())
    except ValidationError as error:
        raise ValueError(f"{folder / 'model.json'} is damaged: {error}") from error
    graph = (folder / card.graph_file).read_bytes()
    if fingerprint(graph, card) != card.version:
        raise ValueError(f"{folder / card.graph_file} is damaged: its checksum is another")
    return graph, card


def install(card: ModelCard, source: Path, champion: Path, request: Any) -> None:
    """Put a model in the champion's place, complete or not at all.

    Its files are copied under their own names first. Then model.json, which names them, is replaced in one atomic
    step: a service that starts at any moment finds the old model or the new one.

    Args:
        card: The card of the model, with its results.
        source: The folder with its files.
        champion: The folder that the service reads.
        request: A body for the service, which example.json shall hold.
    """
    champion.mkdir(parents=True, exist_ok=True)
    for name in card.files:
        # Not onto a file of that name: a running service may have it mapped into memory.
        partial = champion / f"{name}.partial"
        shutil.copyfile(source / name, partial)
        partial.replace(champion / name)
    write_atomically(champion / "example.json", json.dumps(request, indent=2) + "\n")
    write_atomically(champion / "model.json", card.model_dump_json(indent=2) + "\n")
    for name in card.files:
        kind = f"{name.partition('-')[0]}-*{Path(name).suffix}*"  # and what an interrupted copy has left
        for old in champion.glob(kind):
            if old.name not in card.files:
                with suppress(PermissionError):  # on Windows, while a service still reads it
                    old.unlink()


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    partial.replace(path)
