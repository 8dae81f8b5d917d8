"""From what a model writes to an answer that can be trusted: each sentence is checked against the passages.

A sentence is kept if a passage supports it: at least `LEAST_SUPPORT` of its words that carry meaning occur there, and
all of its numbers; of a small model's sentences, `SMALL_SUPPORT`. It cites the passage that supports it best. This
measure of overlap finds what was made up; it does not find a `not` that was left out. `assistant.py` uses it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .bm25 import BM25, words_of
from .documents import Chunk
from .prompts import REFUSAL, is_instruction, sentences_of, without_instructions

LEAST_SUPPORT, SMALL_SUPPORT = 0.6, 0.85
# A sentence with fewer words that carry meaning says nothing that could be checked.
LEAST_MEANING = 3
# An answer of quotes has so many sentences; one shorter than this rarely says something alone.
QUOTED_SENTENCES, LEAST_WORDS, MOST_WORDS = 2, 4, 60
CITED = re.compile(r"\s*\[(\d+)(?:\s*,\s*\d+)*\]")
NUMBER = re.compile(r"\d[\d.,]*")


@dataclass(frozen=True)
class Sentence:
    """A sentence of an answer.

    Attributes:
        text: Without the numbers of passages.
        passage: Position of the passage that supports it, in the list of those that were found.
        support: The share of its words that occur there.
        quote: Where in the passage's text its words stand: begin and end.
    """

    text: str
    passage: int
    support: float
    quote: tuple[int, int]


def support(sentence: str, passage: str) -> float:
    """Return the share of a sentence's meaningful words that occur in a passage.

    It is 0 if there are too few of them, or one of its numbers does not occur.
    """
    words, there = set(words_of(sentence)), set(words_of(passage))
    numbers = {each.rstrip(".,") for each in NUMBER.findall(sentence)}
    if len(words) < LEAST_MEANING or not numbers <= {each.rstrip(".,") for each in NUMBER.findall(passage)}:
        return 0.0
    return len(words & there) / len(words)


def material(chunk: Chunk) -> str:
    """Return what a passage can support a sentence with: an instruction to a model is no statement about anything."""
    return without_instructions(f"{chunk.context}\n\n{chunk.text}")


def check(sentence: str, passages: Sequence[Chunk], least: float = LEAST_SUPPORT) -> Sentence | None:
    """Find the passage that supports a sentence; None if none does, or it is an instruction that was repeated.

    The passage that the sentence itself names wins if it supports it as well as any other.
    """
    named = [int(number) - 1 for number in CITED.findall(sentence)]
    text = " ".join(CITED.sub("", sentence).split())
    if not text or is_instruction(text):
        return None
    scores = [support(text, material(chunk)) for chunk in passages]
    order = sorted(range(len(passages)), key=lambda place: (-scores[place], place not in named, place))
    if not order or scores[order[0]] < least:
        return None
    return Sentence(text, order[0], scores[order[0]], quote_of(text, passages[order[0]].text))


def quote_of(sentence: str, passage: str) -> tuple[int, int]:
    """Return where the sentence of a passage lies that shares most words with a sentence of an answer."""
    wanted = set(words_of(sentence))
    best, place, shared = (0, len(passage)), 0, -1.0
    for each in sentences_of(passage):
        begin = passage.index(each, place)
        place = begin + len(each)
        words = set(words_of(each))
        score = len(words & wanted) / (1 + len(words | wanted))
        if score > shared:
            best, shared = (begin, place), score
    return best


def is_refusal(text: str) -> bool:
    """Tell whether a model says that the passages do not answer the question."""
    return REFUSAL.lower().rstrip(".") in text.lower()


def extract(question: str, passages: Sequence[Chunk], bm25: BM25) -> list[Sentence]:
    """Answer by quoting: the sentences that share the rarest words with the question, in the order of the passages.

    Args:
        question: It stands alone.
        passages: Best first; an earlier one is more probable to hold the answer.
        bm25: Knows how rare words are.
    """
    wanted = {word: bm25.rarity_of(word) for word in words_of(question)}
    rated: list[tuple[float, int, int, Sentence]] = []
    for rank, chunk in enumerate(passages):
        place = 0
        for order, text in enumerate(sentences_of(chunk.text)):
            begin = chunk.text.index(text, place)
            place = begin + len(text)
            if is_instruction(text) or not LEAST_WORDS <= len(text.split()) <= MOST_WORDS:
                continue
            shared = sum(wanted.get(word, 0.0) for word in set(words_of(f"{text} {chunk.context}")))
            score = shared / (1 + rank) - 0.01 * order
            rated.append((score, rank, order, Sentence(" ".join(text.split()), rank, 1.0, (begin, place))))
    best = sorted(sorted(rated, key=lambda each: -each[0])[:QUOTED_SENTENCES], key=lambda each: each[1:3])
    return [each[3] for each in best]


class SentenceStream:
    """Cuts text that comes in pieces into sentences."""

    def __init__(self) -> None:
        self.held = ""

    def add(self, piece: str) -> list[str]:
        """Return the sentences that a piece completes."""
        self.held += piece
        *done, self.held = re.split(r"(?<=[.!?\]])[\"')]*\s+(?=[A-Z\"'(`])|\n\s*\n", self.held)
        return [each.strip() for each in done if each.strip()]

    def rest(self) -> list[str]:
        """Return what is left at the end, if it is a whole sentence."""
        text = self.held.strip()
        return [text] if re.search(r"[.!?\])`:]$", text) else []
