"""Copies and near-copies among the documents. `prepare.py` drops the former, and keeps the latter together in one part.

Otherwise the test would ask for texts that the network has seen in training.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from .dataset import Document
from .passages import passages

# So many words in the same order are rarely a coincidence.
PASSAGE_WORDS = 10
# Related are two documents if this share of the passages of the shorter one is in the other, too. Among the State of
# the Union addresses these are two pairs, in which one repeats parts of the other; quotations stay well below.
RELATED_SHARE = 0.1


def content(document: Document) -> str:
    """Return what makes a document the same as another: its words, whatever the title and the white space."""
    return " ".join(document.text.split())


def position(document: Document, salt: str) -> float:
    """Return a number from 0 to 1 by a hash of the text: equal texts get equal numbers.

    Args:
        document: Its title and its white space do not count.
        salt: Another salt gives other, independent numbers.
    """
    found = hashlib.blake2b(content(document).encode(), digest_size=8, key=salt.encode()[:64]).digest()
    return int.from_bytes(found, "big") / 2.0**64


def checksum_of(document: Document) -> str:
    """Return what tells a text from others: equal words give equal checksums."""
    return hashlib.blake2b(content(document).encode(), digest_size=8).hexdigest()


def without_copies(documents: Sequence[Document]) -> tuple[list[Document], list[str]]:
    """Keep the first of documents with the same words.

    Returns:
        Documents, and the titles of those that were dropped.
    """
    kept: dict[str, Document] = {}
    for document in documents:
        kept.setdefault(content(document), document)
    there = {id(document) for document in kept.values()}
    return list(kept.values()), [document.title for document in documents if id(document) not in there]


def related_groups(documents: Sequence[Document]) -> list[list[int]]:
    """Put documents together that share long passages, directly or by way of others.

    Returns:
        Groups of places in the list; a document without relatives is a group of its own.
    """
    found = [np.unique(passages(document.text, PASSAGE_WORDS)) for document in documents]
    sizes = np.array([len(each) for each in found])
    everything = np.concatenate(found)
    owners = np.repeat(np.arange(len(documents)), sizes)
    order = np.argsort(everything, kind="stable")
    everything, owners = everything[order], owners[order]
    # A passage links each of its owners with the next one only: this is enough to hold a group together.
    same = everything[1:] == everything[:-1]
    pairs, shared = np.unique(np.stack([owners[:-1][same], owners[1:][same]]), axis=1, return_counts=True)
    leader = list(range(len(documents)))
    for (first, second), count in zip(pairs.T.tolist(), shared.tolist(), strict=True):
        if count >= RELATED_SHARE * min(sizes[first], sizes[second]):
            keep, gone = sorted((leader[first], leader[second]))
            leader = [keep if each == gone else each for each in leader]
    groups: dict[int, list[int]] = {}
    for place, each in enumerate(leader):
        groups.setdefault(each, []).append(place)
    return list(groups.values())
