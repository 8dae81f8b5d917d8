"""Is a text copied from the training texts? `evaluate.py` asks it of what the network writes, `prepare.py` of the test.

A language model can repeat its training texts word for word. How much of a text is such a copy is a measurement, not an
opinion: the longest passage that is there verbatim, and the share of its short passages that are there.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .dataset import Document
from .passages import BASE, Hashes, passages

Places = NDArray[np.int64]

# Carlini et al. (2023, "Quantifying memorization") look at 50 tokens; passages of 8 words show shorter copies, too.
SHARE_WORDS = 8
# The length that is looked for first: nearly any English text shares so many characters with millions of others.
FIRST_LENGTH = 16
# Bits of a hash that are compared first; a table of so many places fits a processor's cache.
QUICK_BITS = 20
# Texts hold none (see `reading.py`), so that no passage reaches from one document into the next.
BORDER = "\0"


@dataclass(frozen=True)
class Overlap:
    """The longest passage of a text that is word for word in the training texts.

    Attributes:
        characters: Its length; runs of white space count as one space.
        words: The whole words in it.
        passage: The passage.
        title: The training document in which it is, the first of several; empty if there is none.
    """

    characters: int
    words: int
    passage: str
    title: str


def collapsed(text: str) -> str:
    """Return a text in which every run of white space is one space."""
    return " ".join(text.replace(BORDER, " ").split())


def prefix_hashes(text: str) -> tuple[Hashes, Hashes]:
    """Return what the hash of any passage can be computed from (Karp and Rabin 1987), modulo 2**64.

    Returns:
        Sums of the characters before each place, weighted by powers of `BASE`, and the inverses of these powers,
        each of shape (n + 1,).
    """
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    # Mixed, since neighbouring codes differ in few bits.
    codes = (codes + np.uint64(1)) * BASE
    codes ^= codes >> np.uint64(29)
    powers = np.full(len(codes) + 1, BASE)
    powers[0] = 1
    np.multiply.accumulate(powers, out=powers)
    sums = np.zeros(len(codes) + 1, dtype=np.uint64)
    np.cumsum(codes * powers[:-1], out=sums[1:])
    inverses = np.full(len(codes) + 1, pow(int(BASE), -1, 2**64), dtype=np.uint64)
    inverses[0] = 1
    np.multiply.accumulate(inverses, out=inverses)
    return sums, inverses


class TrainingTexts:
    """The training texts, prepared so that passages are found in them."""

    def __init__(self, documents: Sequence[Document]) -> None:
        """Index documents: some 20 bytes for each character, and some seconds for ten million of them."""
        texts = [collapsed(document.text) for document in documents]
        self.titles = [document.title for document in documents]
        self.starts = np.cumsum([0, *(len(text) + 1 for text in texts)])
        self.text = BORDER.join(texts)
        self.sums, self.inverses = prefix_hashes(self.text)
        self.short = np.unique(np.concatenate([passages(text, SHARE_WORDS) for text in texts]))

    def longest_overlap(self, text: str) -> Overlap:
        """Find the longest passage of a text that is there word for word."""
        text = collapsed(text)
        sums, inverses = prefix_hashes(text)
        places = np.arange(len(self.text))  # where a passage of `found` characters begins that the text has, too
        found, too_long, length = 0, len(text) + 1, min(FIRST_LENGTH, len(text))
        while found + 1 < too_long:
            kept = self.shared(places, sums, inverses, length)
            if len(kept):
                found, places = length, kept
            else:
                too_long = length
            # Twice as long, until it is too long; then halfway between.
            length = min(2 * found, too_long - 1) if too_long > len(text) else (found + too_long) // 2
        start = int(places[0]) if found else 0
        passage = self.text[start : start + found]
        title = self.titles[int(np.searchsorted(self.starts, start, side="right")) - 1] if found else ""
        return Overlap(found, whole_words(text, passage), passage, title)

    def shared(self, places: Places, sums: Hashes, inverses: Hashes, length: int) -> Places:
        """Return those of the places at which a passage of this length begins that is in a text, too.

        Args:
            places: In the training texts.
            sums: Of the text, see `prefix_hashes`.
            inverses: Of the text, see `prefix_hashes`.
            length: In characters.
        """
        wanted = np.unique((sums[length:] - sums[:-length]) * inverses[: len(sums) - length])
        places = places[: int(np.searchsorted(places, len(self.text) - length, side="right"))]
        here = (self.sums[places + length] - self.sums[places]) * self.inverses[places]
        quick = np.zeros(2**QUICK_BITS, dtype=bool)
        quick[wanted >> np.uint64(64 - QUICK_BITS)] = True
        likely = np.flatnonzero(quick[here >> np.uint64(64 - QUICK_BITS)])
        return places[likely[np.isin(here[likely], wanted)]]

    def overlap_share(self, text: str) -> float:
        """Return the share of the text's passages of `SHARE_WORDS` words that are there; 0 if it has none."""
        found = passages(text, SHARE_WORDS)
        return float(np.isin(found, self.short).mean()) if len(found) else 0.0


def whole_words(text: str, passage: str) -> int:
    """Count the words of a text that lie completely in a passage of it."""
    start = text.find(passage)
    end = start + len(passage)
    return sum(start <= word.start() and word.end() <= end for word in re.finditer(r"\S+", text))
