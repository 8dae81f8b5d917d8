"""Documents, their sections and chunks: what the stages of the pipeline hand on, and what an answer cites."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from .config import PREPARED

DOCUMENTS = PREPARED / "documents.jsonl"
CHUNKS = PREPARED / "chunks.jsonl"
QUESTIONS = PREPARED / "questions.jsonl"


class Section(BaseModel):
    """What stands under one heading.

    Attributes:
        path: The headings above it and its own, outermost first; empty before the first heading.
        start, end: Where its text lies in that of the document, without the heading.
    """

    path: list[str]
    start: int
    end: int


class Document(BaseModel):
    """The text of one file.

    Attributes:
        name: Its path below the folder of documents, with slashes.
        title: The first heading, or the name.
        text: All sections, headings included.
        sections: In their order.
    """

    name: str
    title: str
    text: str
    sections: list[Section]


class Chunk(BaseModel):
    """A passage of a document, small enough to be embedded and cited.

    Attributes:
        document: Name of the document.
        title: Title of the document.
        section: The headings above the passage, outermost first.
        position: The passage is the so-manieth of its document, from 0.
        start, end: Where it lies in the document's text.
        text: The passage.
        context: The headings that are searched along with it; its section without those that are hidden.
    """

    document: str
    title: str
    section: list[str]
    position: int
    start: int
    end: int
    text: str
    context: str

    @property
    def searched(self) -> str:
        """What is embedded and indexed: a passage alone often does not say what it is about."""
        return f"{self.context}\n{self.text}" if self.context else self.text

    @property
    def key(self) -> str:
        """Checksum of what is searched: equal passages have equal embeddings."""
        return hashlib.sha256(self.searched.encode()).hexdigest()


class Question(BaseModel):
    """A question whose answer is known to lie somewhere, or nowhere.

    Attributes:
        text: The question.
        document: The document that answers it; None if none does.
        section: Headings of the section that answers it, outermost first; empty for the whole document.
        part: `dev` or `test`.
    """

    text: str
    document: str | None = None
    section: list[str] = []
    part: str = ""

    def is_answered_by(self, chunk: Chunk) -> bool:
        """Tell whether a passage lies in the section that answers the question."""
        return chunk.document == self.document and chunk.section[: len(self.section)] == self.section


RowT = TypeVar("RowT", bound=BaseModel)


def write_rows(path: Path, rows: Iterable[BaseModel]) -> None:
    """Write a file with one JSON document a line, complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(row.model_dump_json() + "\n" for row in rows)
    partial.replace(path)


def read_rows(path: Path, row_type: type[RowT]) -> list[RowT]:
    """Read such a file."""
    with path.open(encoding="utf-8") as file:
        return [row_type.model_validate_json(line) for line in file]
