"""Documents that are added to a running service, on top of its knowledge base. `desk.py` keeps them.

Each document is one file in the folder `DOCUMENTS_DIR`, with its passages and their vectors, complete or not there: the
service finds it again after a restart. A document of the same name replaces the older one, whichever of the two places
that is in. To add documents for good, put them into the folder of documents and run the pipeline.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from .bm25 import BM25, Positions, Scores, words_of
from .chunking import chunks_of
from .documents import Chunk
from .embedders import Embedder, Vectors, embed_all
from .knowledge_base import KnowledgeBase
from .reading import read_document
from .vectors import Exact, VectorIndex

logger = logging.getLogger(__name__)

# As in params.yaml of the template: an added document is cut like the others.
WORDS, OVERLAP, BATCH = 120, 20, 16


class Added:
    """One added document."""

    def __init__(self, name: str, chunks: list[Chunk], vectors: Vectors, identity: str) -> None:
        self.name, self.chunks, self.vectors, self.identity = name, chunks, vectors, identity

    @classmethod
    def of(cls, name: str, content: bytes, embedder: Embedder) -> "Added":
        """Read, cut and embed a document.

        Raises:
            ReadingError: If it cannot be read.
            OSError: If the embedder does not answer.
        """
        chunks = chunks_of(read_document(name, content), WORDS, OVERLAP)
        return cls(name, chunks, embedded(chunks, embedder), embedder.identity)

    def path(self, folder: Path) -> Path:
        """Return its file: the name of a document may hold what file systems do not take."""
        return folder / f"{hashlib.sha256(self.name.encode()).hexdigest()[:24]}.npz"

    def save(self, folder: Path) -> None:
        """Write its file, complete or not at all.

        Raises:
            OSError: If the folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = self.path(folder)
        partial = path.with_suffix(".partial")
        content = json.dumps([chunk.model_dump() for chunk in self.chunks])
        with partial.open("wb") as file:
            np.savez(
                file,
                name=np.array(self.name),
                identity=np.array(self.identity),
                chunks=np.frombuffer(content.encode(), dtype=np.uint8),
                vectors=self.vectors,
            )
        partial.replace(path)

    @classmethod
    def load(cls, path: Path, embedder: Embedder) -> "Added":
        """Read a file; passages that another embedder has embedded are embedded anew.

        Raises:
            OSError: If it cannot be read, or the embedder does not answer.
            ValueError: If it is damaged.
        """
        try:
            with path.open("rb") as content, np.load(content) as file:
                name, identity = str(file["name"]), str(file["identity"])
                chunks = [Chunk.model_validate(each) for each in json.loads(file["chunks"].tobytes())]
                vectors = np.asarray(file["vectors"], dtype=np.float32)
        except (KeyError, EOFError, BadZipFile) as error:
            raise ValueError(f"{path} is damaged: {error}") from error
        if identity != embedder.identity:
            vectors = embedded(chunks, embedder)
        return cls(name, chunks, vectors, embedder.identity)


def embedded(chunks: Sequence[Chunk], embedder: Embedder) -> Vectors:
    """Embed passages; shape (passages, dimensions)."""
    found: dict[int, Any] = {}

    def done(places: Sequence[int], vectors: Vectors) -> None:
        found.update(zip(places, vectors, strict=True))

    embed_all(embedder, [chunk.searched for chunk in chunks], BATCH, done)
    return np.stack([found[place] for place in range(len(chunks))])


def load_all(folder: Path, embedder: Embedder) -> dict[str, Added]:
    """Read all added documents; one that cannot be read is left out and named in the log."""
    found = {}
    for path in sorted(folder.glob("*.npz")) if folder.is_dir() else []:
        try:
            each = Added.load(path, embedder)
        except (OSError, ValueError) as error:
            logger.error("an added document is left out: %s", error)
            continue
        found[each.name] = each
    return found


class Joined:
    """Two indexes searched as one, without the passages of the first that were replaced."""

    def __init__(self, first: VectorIndex, size: int, hidden: frozenset[int], second: Exact) -> None:
        self.first, self.size, self.hidden, self.second = first, size, hidden, second

    def search(self, query: Vectors, count: int) -> tuple[Positions, Scores]:
        """Return positions and cosines of the nearest vectors, nearest first."""
        positions, cosines = self.first.search(query, min(self.size, count + len(self.hidden)))
        kept = np.array([int(position) not in self.hidden for position in positions], dtype=bool)
        others, more = self.second.search(query, count)
        together = np.concatenate([positions[kept], others + self.size])
        scores = np.concatenate([cosines[kept], more])
        order = np.argsort(-scores, kind="stable")[:count]
        return together[order], scores[order]


class Passages(Sequence[Chunk]):
    """The passages of two indexes, one behind the other."""

    def __init__(self, first: Sequence[Chunk], second: Sequence[Chunk]) -> None:
        self.first, self.second = first, second

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def __getitem__(self, position: Any) -> Any:
        return self.first[position] if position < len(self.first) else self.second[position - len(self.first)]


def extended(base: KnowledgeBase, added: dict[str, Added]) -> KnowledgeBase:
    """Return a knowledge base with more documents; the one that is given stays as it is and can be asked meanwhile."""
    if not added:
        return base
    known = list(base.passages)
    chunks = [chunk for each in added.values() for chunk in each.chunks]
    vectors = np.concatenate([each.vectors for each in added.values()])
    hidden = frozenset(place for place, chunk in enumerate(known) if chunk.document in added)
    words = [[] if place in hidden else words_of(chunk.searched) for place, chunk in enumerate(known)]
    words += [words_of(chunk.searched) for chunk in chunks]
    joined = Joined(base.vectors, len(known), hidden, Exact(vectors))
    return KnowledgeBase(base.card, Passages(base.passages, chunks), BM25.of(words), joined, base.embedder)
