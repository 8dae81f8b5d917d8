"""A knowledge base on disk: passages, their vectors and words, and how they are searched. The service opens it.

The folder holds model.json, its card, beside the files that the card names. They are written under names of their own
first; the card comes last, in one atomic step. Whoever opens the folder at any moment finds the old knowledge base or
the new one.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field, ValidationError

from .bm25 import BM25, words_of
from .database import DatabaseIndex
from .documents import Chunk
from .embedders import Embedder, Vectors, open_embedder
from .model_folder import ModelCard, write_atomically
from .retrieval import Choice, Found, Retriever
from .settings import Settings
from .vectors import HNSW, Exact, Rounded, VectorIndex, mapped

EXAMPLE = "How do I sort a list?"


class Card(ModelCard):
    """What a knowledge base is.

    Attributes:
        embedder: Identity of what embedded the passages; questions must be embedded by the same.
        embed_model: How params.yaml calls it.
        dimensions: Of a vector.
        kind: `exact` or `hnsw`.
        table: The vectors' table in a vector database.
        choice: How passages are searched.
        count: How many passages an answer is made of.
        passages, documents: How many there are.
        contents: SHA-256 of each file, by its kind.
        rounding: Of the vectors to 8 bits: length of a step, and how far a vector is from what it was rounded to.
        questions: Examples.
    """

    decisive: ClassVar[frozenset[str]] = frozenset({"embedder", "choice", "count", "contents", "rounding"})

    embedder: str
    embed_model: str
    dimensions: int
    kind: str
    table: str
    choice: Choice
    count: int
    passages: int
    documents: int
    contents: dict[str, str] = Field(default_factory=dict)
    rounding: tuple[float, float] | None = None
    questions: list[str]

    @property
    def files(self) -> list[str]:
        """Names of all files beside model.json."""
        return [file_of(kind, checksum) for kind, checksum in self.contents.items()]

    @property
    def example(self) -> dict[str, Any]:
        """A request for the service."""
        return {"question": self.questions[0]}

    def path(self, folder: Path, kind: str) -> Path:
        """Return where one of its files lies in a folder."""
        return folder / file_of(kind, self.contents[kind])


SUFFIXES = {
    "passages": ".jsonl", "places": ".npy", "words": ".npz", "vectors": ".npy", "rounded": ".npy",
    "neighbours": ".usearch",
}  # fmt: skip


def file_of(kind: str, checksum: str) -> str:
    """Return the name of a file."""
    return f"{kind}-{checksum[:12]}{SUFFIXES[kind]}"


def version_of(card: Card) -> str:
    """Return the version: a checksum of everything that decides an answer."""
    # A knowledge base of an earlier release has no rounding, and its version was made without it.
    decisive = {name for name in card.decisive if getattr(card, name) is not None}
    return hashlib.sha256(card.model_dump_json(include=decisive).encode()).hexdigest()[:12]


class Passages(Sequence[Chunk]):
    """The passages of a file; one is parsed when it is asked for, so that opening takes no longer with many."""

    def __init__(self, path: Path, places: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        self.places = places
        self.content = path.read_bytes()

    def __len__(self) -> int:
        return len(self.places) - 1

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return [self[each] for each in range(*position.indices(len(self)))]
        if not 0 <= position < len(self):
            raise IndexError(position)
        return Chunk.model_validate_json(self.content[self.places[position] : self.places[position + 1]])


def build(
    folder: Path,
    chunks: Sequence[Chunk],
    vectors: Vectors,
    *,
    words: BM25,
    index: Exact | HNSW,
    database: str | None,
    card: dict[str, Any],
) -> Card:
    """Write a knowledge base.

    Args:
        folder: Where to.
        chunks: The passages.
        vectors: Their vectors, shape (passages, dimensions).
        words: Their index by words.
        index: That of their vectors, which the service shall search by.
        database: Address of a vector database that shall hold the vectors, too.
        card: The fields of the card that are not known here.

    Raises:
        OSError: If the database does not take them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = {kind: folder / f"{kind}.partial" for kind in SUFFIXES}
    lines = [(chunk.model_dump_json() + "\n").encode() for chunk in chunks]
    written["passages"].write_bytes(b"".join(lines))
    with written["places"].open("wb") as file:
        np.save(file, np.concatenate([[0], np.cumsum([len(line) for line in lines])]).astype(np.int64))
    words.save(written["words"])
    rounding = None
    if isinstance(index, HNSW):
        index.save(written["neighbours"])
        del written["vectors"], written["rounded"]
    else:
        rounded = index.rounded or Rounded.of(vectors)
        rounding = rounded.step, rounded.farthest
        for kind, array in (("vectors", vectors), ("rounded", rounded.steps)):
            with written[kind].open("wb") as file:
                np.save(file, array)
        del written["neighbours"]
    contents = {kind: checksum_of(path) for kind, path in written.items()}
    for name, path in written.items():
        path.replace(folder / file_of(name, contents[name]))
    made = Card(
        **card,
        kind="hnsw" if isinstance(index, HNSW) else "exact",
        dimensions=vectors.shape[1],
        table="" if database is None else DatabaseIndex.of(database, vectors).table,
        passages=len(chunks),
        documents=len({chunk.document for chunk in chunks}),
        contents=contents,
        rounding=rounding,
    )
    made.version = version_of(made)
    write_atomically(folder / "model.json", made.model_dump_json(indent=2) + "\n")
    for path in folder.iterdir():
        if path.name not in {*made.files, "model.json"}:
            path.unlink()
    return made


def index_words(chunks: Iterable[Chunk]) -> BM25:
    """Index passages by their words."""
    return BM25.of(words_of(chunk.searched) for chunk in chunks)


def checksum_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_card(folder: Path) -> Card:
    """Read the card of a knowledge base, and look whether its files are what it says.

    Raises:
        OSError: If a file is not there.
        ValueError: If one is damaged, or they do not belong together.
    """
    try:
        card = Card.model_validate_json((folder / "model.json").read_bytes())
    except ValidationError as error:
        raise ValueError(f"{folder / 'model.json'} is damaged: {error}") from error
    if version_of(card) != card.version:
        raise ValueError(f"{folder / 'model.json'} is damaged: its checksum is another")
    for kind, checksum in card.contents.items():
        path = card.path(folder, kind)
        # The graph of neighbours is not read as a whole, only where a search leads: that is why it opens at once.
        if kind != "neighbours" and checksum_of(path) != checksum:
            raise ValueError(f"{path} is damaged: its checksum is another")
    return card


def rounded_of(card: Card, folder: Path) -> Rounded | None:
    """Open the rounded vectors; a knowledge base of an earlier release has none.

    Raises:
        OSError: If the file is not there.
        ValueError: If it holds no array.
    """
    return None if card.rounding is None else Rounded(mapped(card.path(folder, "rounded")), *card.rounding)


class KnowledgeBase:
    """An open knowledge base.

    Example:
        >>> base = KnowledgeBase.open(Path("models/champion"))
        >>> [base.passages[hit.position].section for hit in base.search("How do I sort a list?").hits]
    """

    def __init__(self, card: Card, passages: Sequence[Chunk], bm25: BM25, vectors: VectorIndex, by: Embedder) -> None:
        self.card, self.passages, self.bm25 = card, passages, bm25
        self.embedder, self.vectors = by, vectors
        self.retriever = Retriever(bm25, vectors, by)

    @classmethod
    def open(
        cls, folder: Path, settings: Settings | None = None, embedder: Embedder | None = None, threads: int = 0
    ) -> Self:
        """Open a folder.

        Args:
            folder: Where it lies.
            settings: Of the vector database and of an embedder behind an API.
            embedder: What embeds the questions; by default what embedded the passages.
            threads: Of the embedder; 0 uses every core.

        Raises:
            OSError: If a file is not there, or a server does not answer.
            ValueError: If the files are damaged, or the embedder is not the one that made the vectors.
        """
        settings = settings or Settings()
        card = read_card(folder)
        embedder = embedder or open_embedder(card.embed_model, settings, threads)
        if embedder.identity != card.embedder:
            raise ValueError(
                f"{folder} was built by the embedder {card.embedder}, and this one is {embedder.identity}: "
                "their vectors cannot be compared; build it again with `uv run poe train`"
            )
        passages = Passages(card.path(folder, "passages"), np.load(card.path(folder, "places")))
        vectors: VectorIndex
        if settings.vector_database_url and card.table:
            vectors = DatabaseIndex(settings.vector_database_url, card.table)
        elif card.kind == "hnsw":
            vectors = HNSW.load(card.path(folder, "neighbours"))
        else:
            vectors = Exact.load(card.path(folder, "vectors"), rounded_of(card, folder))
        return cls(card, passages, BM25.load(card.path(folder, "words")), vectors, embedder)

    @property
    def info(self) -> dict[str, Any]:
        """Everything that a person may want to read, for `GET /model`."""
        return self.card.model_dump()

    def search(self, question: str, choice: Choice | None = None, count: int | None = None) -> Found:
        """Return the best passages for a question, by default as the card says.

        Raises:
            OSError: If the embedder or the vector database does not answer.
        """
        return self.retriever.search(question, choice or self.card.choice, count or self.card.count)
