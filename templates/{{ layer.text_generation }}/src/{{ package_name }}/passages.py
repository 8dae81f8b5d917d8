"""Passages of some words as numbers: texts are compared quickly. Used by `copies.py` and `memorisation.py`."""

import hashlib
import re
from functools import cache

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

# Any odd number does: the order of the words counts, and nothing is lost modulo 2**64.
BASE = np.uint64(0x9E3779B97F4A7C15)


@cache
def word_hash(word: str) -> int:
    """Return the same 64 bits for the same word, in every process."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")


def passages(text: str, words: int) -> Hashes:
    """Return a number for each passage of so many words; equal passages get equal numbers.

    Case, punctuation and line ends do not count: whoever copies a text often changes them.

    Args:
        text: Any text.
        words: Length of a passage.

    Returns:
        Shape (n,): one for each word that such a passage begins with.
    """
    found = re.findall(r"\w+", text.casefold())
    hashes = np.array([word_hash(word) for word in found], dtype=np.uint64)
    count = max(0, len(hashes) - words + 1)
    total = np.zeros(count, dtype=np.uint64)
    for place in range(words):
        total = total * BASE + hashes[place : place + count]
    return total
