"""BM25, the classic of searching by words (Robertson and Zaragoza 2009), over arrays. `retrieval.py` uses it.

What a word adds to the score of a passage does not depend on the question, so all of it is computed once. A search adds
up a few short arrays.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]
Scores = NDArray[np.float32]

WORD = re.compile(r"\w+")
K1, B = 1.5, 0.75  # usual values
# A word that stands in more than half of the passages would count against them; it gets this share of the mean instead.
FLOOR = 0.25
# For each of the best scores that are wanted, so many groups are looked at.
GROUPS = 10
# Words that say nothing about what a text is about.
STOP_WORDS = {
    "a", "about", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did", "do", "does", "for",
    "from", "had", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "me", "my", "no", "not", "of",
    "on", "or", "our", "shall", "should", "so", "some", "such", "than", "that", "the", "their", "them", "then", "there",
    "these", "they", "this", "those", "to", "was", "we", "were", "what", "when", "where", "which", "who", "whom",
    "whose", "why", "will", "with", "would", "you", "your",
}  # fmt: skip


def words_of(text: str) -> list[str]:
    """Return the words of a text as they are searched: lower case, without those that say nothing.

    A plural and its singular are one word: `lists` is found by `list`.
    """
    return [singular(word) for word in WORD.findall(text.lower()) if word not in STOP_WORDS]


def singular(word: str) -> str:
    """Return an English word without the s of the plural (Harman 1991)."""
    if len(word) > 3 and word.endswith("ies") and not word.endswith(("aies", "eies")):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us")):
        return word[:-1]
    return word


def reached(scores: NDArray[Any], count: int) -> Any:
    """Return a score that `count` of the scores reach at least, and few more: the best is found by looking at those.

    Of the highest in each of many groups as many reach it. To find those takes a tenth of the time that it takes to
    partition all scores.
    """
    width = max(1, len(scores) // (GROUPS * count))
    highest = scores[: len(scores) // width * width].reshape(-1, width).max(axis=1)
    return np.partition(highest, len(highest) - count)[len(highest) - count]


def best(scores: Scores, count: int) -> Positions:
    """Return the positions of the highest scores, highest first; of equal ones the first."""
    count = min(count, len(scores))
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    candidates = np.flatnonzero(scores >= reached(scores, count))
    least = np.partition(scores[candidates], len(candidates) - count)[len(candidates) - count]
    candidates = candidates[scores[candidates] >= least]
    order: Positions = candidates[np.argsort(-scores[candidates], kind="stable")][:count]
    return order


class BM25:
    """An index of passages by their words.

    Attributes:
        vocabulary: The number of each word.
        begins: Word number w stands in the passages `postings[begins[w]:begins[w + 1]]`, shape (words + 1,).
        postings: Positions of passages.
        weights: What the word adds to their scores.
        rarity: Inverse document frequency of each word, shape (words,).
        size: Number of passages.
    """

    def __init__(
        self,
        vocabulary: dict[str, int],
        begins: NDArray[np.int64],
        postings: NDArray[np.int32],
        weights: NDArray[np.float32],
        rarity: NDArray[np.float32],
        size: int,
    ) -> None:
        self.vocabulary, self.begins, self.postings, self.weights = vocabulary, begins, postings, weights
        self.rarity, self.size = rarity, size

    @classmethod
    def of(cls, texts: Iterable[Sequence[str]]) -> Self:
        """Index passages that are given as their words."""
        counts = [Counter(words) for words in texts]
        vocabulary: dict[str, int] = {}
        rows: list[tuple[int, int, int]] = [
            (vocabulary.setdefault(word, len(vocabulary)), place, times)
            for place, words in enumerate(counts)
            for word, times in words.items()
        ]
        table = np.array(rows, dtype=np.int64).reshape(-1, 3)
        table = table[np.argsort(table[:, 0], kind="stable")]
        number, place, times = table.T
        lengths = np.array([sum(words.values()) for words in counts], dtype=np.float64)
        frequency = np.bincount(number, minlength=len(vocabulary))
        rarity = np.log(len(counts) - frequency + 0.5) - np.log(frequency + 0.5)
        if len(rarity):
            rarity[rarity < 0] = FLOOR * rarity.mean()
        mean = lengths.mean() if lengths.any() else 1.0
        damped = times * (K1 + 1) / (times + K1 * (1 - B + B * lengths[place] / mean))
        return cls(
            vocabulary,
            np.concatenate([[0], np.cumsum(frequency)]).astype(np.int64),
            place.astype(np.int32),
            (rarity[number] * damped).astype(np.float32),
            rarity.astype(np.float32),
            len(counts),
        )

    def scores(self, words: Iterable[str]) -> Scores:
        """Return the score of every passage, shape (passages,)."""
        found = np.zeros(self.size, dtype=np.float32)
        for word, times in Counter(words).items():
            number = self.vocabulary.get(word)
            if number is not None:
                part = slice(self.begins[number], self.begins[number + 1])
                found[self.postings[part]] += times * self.weights[part]
        return found

    def search(self, words: Iterable[str], count: int) -> tuple[Positions, Scores]:
        """Return positions and scores of the best passages that hold one of the words at least."""
        scores = self.scores(words)
        found = best(scores, count)
        found = found[scores[found] > 0]
        return found, scores[found]

    def rarity_of(self, word: str) -> float:
        """Return how much a word says; one that is in no passage says as much as the rarest."""
        number = self.vocabulary.get(word)
        return float(self.rarity[number] if number is not None else self.rarity.max(initial=0.0))

    def save(self, path: Path) -> None:
        """Write it to a file."""
        words = "\n".join(self.vocabulary)
        with path.open("wb") as file:
            np.savez(
                file,
                vocabulary=np.frombuffer(words.encode(), dtype=np.uint8),
                begins=self.begins,
                postings=self.postings,
                weights=self.weights,
                rarity=self.rarity,
                size=np.array(self.size),
            )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it from a file.

        Raises:
            OSError: If the file is not there.
            ValueError: If it is damaged.
        """
        with np.load(path) as file:
            words = file["vocabulary"].tobytes().decode().split("\n")
            vocabulary = {word: number for number, word in enumerate(words) if word}
            return cls(vocabulary, file["begins"], file["postings"], file["weights"], file["rarity"], int(file["size"]))
