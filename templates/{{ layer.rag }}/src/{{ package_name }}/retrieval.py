"""Finds the passages for a question: by words, by meaning, or by both. `assistant.py` and `evaluate.py` use it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel

from .bm25 import BM25, Positions, Scores, best, words_of
from .embedders import Embedder
from .vectors import VectorIndex

Mode = Literal["bm25", "dense", "hybrid"]


class Choice(BaseModel):
    """How the passages are searched; the development questions decide (`tuning.py`).

    Attributes:
        mode: What is searched by.
        dense_weight: Weight of the dense score in the hybrid, between 0 and 1.
        candidates: How many passages each search hands on to the hybrid.
        least_cosine: If not even the nearest passage comes so near to the question, the documents do not answer it.
    """

    mode: Mode = "hybrid"
    dense_weight: float = 0.5
    candidates: int = 50
    least_cosine: float = 0.0


@dataclass(frozen=True)
class Hit:
    """A passage that was found.

    Attributes:
        position: Of the passage in the index.
        score: Of the search that was used; only comparable within one search.
    """

    position: int
    score: float


@dataclass(frozen=True)
class Found:
    """What a search brings: passages, best first, and the cosine of question and nearest passage."""

    hits: list[Hit]
    nearest: float


class Retriever:
    """Searches one index."""

    def __init__(self, bm25: BM25, vectors: VectorIndex, embedder: Embedder) -> None:
        self.bm25, self.vectors, self.embedder = bm25, vectors, embedder

    def search(self, question: str, choice: Choice, count: int) -> Found:
        """Return the best passages for a question.

        Raises:
            OSError: If the embedder or the vector database does not answer.
        """
        wanted = max(count, choice.candidates)
        query = self.embedder.embed([question])[0]
        by_meaning = self.vectors.search(query, wanted)
        nearest = float(by_meaning[1][0]) if len(by_meaning[1]) else 0.0
        if choice.mode == "dense":
            positions, scores = by_meaning
        else:
            by_words = self.bm25.search(words_of(question), wanted)
            positions, scores = by_words if choice.mode == "bm25" else fuse(by_meaning, by_words, choice.dense_weight)
        hits = [Hit(int(p), float(s)) for p, s in zip(positions[:count], scores[:count], strict=True)]
        return Found(hits, nearest)


def fuse(
    dense: tuple[Positions, Scores], words: tuple[Positions, Scores], dense_weight: float
) -> tuple[Positions, Scores]:
    """Put two rankings together by a weighted sum of their scores (Bruch et al. 2023), each scaled to 0 to 1.

    A passage that only one search brings gets the lowest score of the other one, 0.
    """
    positions = np.union1d(dense[0], words[0]).astype(np.int64)
    total = np.zeros(len(positions), dtype=np.float32)
    for (found, scores), weight in ((dense, dense_weight), (words, 1 - dense_weight)):
        if len(found):
            total[np.searchsorted(positions, found)] += weight * scaled(scores)
    order = best(total, len(total))
    return positions[order], total[order]


def scaled(scores: Scores) -> Scores:
    """Scale scores to 0 to 1; equal ones to 1."""
    lowest, highest = scores.min(), scores.max()
    if highest == lowest:
        return np.ones_like(scores)
    found: Scores = (scores - lowest) / (highest - lowest)
    return found


def positions_of(found: Found) -> Sequence[int]:
    """Return the positions of what was found."""
    return [hit.position for hit in found.hits]
