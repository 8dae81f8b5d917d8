"""The prepared documents, as `prepare.py` writes them and every later stage reads them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .config import PREPARED
from .tokenizer import Tokens

PARTS = ("train", "validation", "test")
TOKENIZER = PREPARED / "tokenizer.json"


@dataclass(frozen=True)
class Document:
    """A text that is never divided between two parts.

    Attributes:
        title: What a person calls it.
        text: All of it.
    """

    title: str
    text: str


@dataclass(frozen=True)
class Part:
    """Documents for training, for validation or for testing.

    Attributes:
        documents: At least one.
        tokens: Of each document, shape (n,); the first and the last token say that a document begins and ends.
    """

    documents: list[Document]
    tokens: list[Tokens]

    def first(self, tokens: int) -> Iterator[Tokens]:
        """Yield the tokens of documents until there are so many; the last document may be cut off there."""
        for document in self.tokens:
            if tokens < 2:  # a single token predicts nothing
                return
            yield document[:tokens]
            tokens -= len(document)


def tokens_file(name: str) -> Path:
    """Where the tokens of a part lie."""
    return PREPARED / f"{name}.npz"


def save_part(name: str, part: Part) -> None:
    """Write a part: texts as JSON, tokens as arrays."""
    texts = [vars(document) for document in part.documents]
    (PREPARED / f"{name}.json").write_text(json.dumps(texts, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
    with tokens_file(name).open("wb") as file:
        ends = np.cumsum([len(tokens) for tokens in part.tokens])
        np.savez(file, tokens=np.concatenate(part.tokens).astype(np.int32), ends=ends)


def load_part(name: str) -> Part:
    """Read a part."""
    texts = json.loads((PREPARED / f"{name}.json").read_text(encoding="utf-8"))
    with np.load(tokens_file(name)) as arrays:
        tokens = np.split(arrays["tokens"].astype(np.int64), arrays["ends"][:-1])
    return Part([Document(**text) for text in texts], tokens)
