"""Searching vectors, behind one small interface: exactly in memory, or by a graph of neighbours (HNSW).

A vector database server, for many users of one index, is in `database.py`. `knowledge_base.py` chooses.
"""

import sys
from collections.abc import Iterator
from math import floor, sqrt
from pathlib import Path
from typing import Any, Protocol

import numkong
import numpy as np
import onnxruntime  # noqa: F401 - before usearch: loaded after it, it ends the process (1.32 and 2.26)
from numpy.typing import NDArray
from usearch.index import Index

from .bm25 import Positions, Scores, reached
from .embedders import Vectors

# Of HNSW (Malkov and Yashunin 2018): neighbours of a node, and how many candidates are looked at.
CONNECTIVITY, LOOKED_AT_ADDING, LOOKED_AT_SEARCHING = 16, 128, 128

# Of rounding to 8 bits: steps to each side, rows at a time, and from how many vectors on it pays.
STEPS, IN_CACHE, FEW = 127, 256, 500
# By how much a sum of a thousand 32-bit products is off, at most.
FLOAT_ERROR = 1e-5

# A file is opened without reading it: its pages come into memory as they are needed. Not on Windows, which would not
# let a newer file take the place of an open one.
MAPPED = sys.platform != "win32"


class VectorIndex(Protocol):
    """An index of vectors of length 1."""

    def search(self, query: Vectors, count: int) -> tuple[Positions, Scores]:
        """Return positions and cosines of the nearest vectors, nearest first.

        Args:
            query: A vector of length 1, shape (dimensions,).
            count: How many, at most.
        """
        ...


class Exact:
    """Compares the query with every vector: nothing is missed, and hardly anything needs to be built.

    First with the vectors rounded to 8 bits, which are a quarter of the bytes to read. By how much that can be wrong is
    known, so whatever may be among the nearest is compared again as it is.
    """

    def __init__(self, vectors: Vectors, rounded: "Rounded | None" = None) -> None:
        """Take vectors and, if that was done before, what they were rounded to."""
        self.vectors = np.asarray(vectors)
        self.rounded = rounded

    @classmethod
    def load(cls, path: Path, rounded: "Rounded | None" = None) -> "Exact":
        """Open a file of vectors.

        Raises:
            OSError: If the file is not there.
            ValueError: If it holds no array.
        """
        return cls(mapped(path), rounded)

    def search(self, query: Vectors, count: int) -> tuple[Positions, Scores]:
        """Return positions and cosines of the nearest vectors, nearest first."""
        if len(self.vectors) <= max(count, FEW):
            near = np.arange(len(self.vectors))
        else:
            self.rounded = self.rounded or Rounded.of(self.vectors)
            near = self.rounded.near(query, count)
        cosines: Scores = self.vectors[near] @ query
        order = np.argsort(-cosines, kind="stable")[:count]
        return near[order], cosines[order]


class Rounded:
    """Vectors of length 1 in whole steps, at most 127 to each side.

    Args:
        steps: How many, shape (vectors, dimensions).
        step: Length of a step.
        farthest: The largest distance between a vector and what it was rounded to.
    """

    def __init__(self, steps: NDArray[np.int8], step: float, farthest: float) -> None:
        self.steps, self.step, self.farthest = steps, step, farthest
        self.packed = numkong.dots_pack(steps, dtype="int8")  # as the processor's 8-bit instructions want them

    @classmethod
    def of(cls, vectors: Vectors) -> "Rounded":
        """Round vectors."""
        step = float(max((np.abs(part).max() for part in parts(vectors)), default=0)) / STEPS or 1.0
        steps, farthest = np.empty(vectors.shape, dtype=np.int8), 0.0
        for part, rounded in zip(parts(vectors), parts(steps), strict=True):
            rounded[:] = np.rint(part / step)
            lost = np.linalg.norm(part - rounded * np.float32(step), axis=1)
            farthest = max(farthest, float(lost.max()))
        return cls(steps, step, farthest)

    def near(self, query: Vectors, count: int) -> Positions:
        """Return the positions, in order, of all vectors that can be among the nearest.

        With q' and v' for the rounded ones, |qv - q'v'| <= |q - q'| |v| + |q'| |v - v'| (Cauchy and Schwarz). So much
        the product of each of the nearest may be too low, and that of the last one that seems nearest too high.
        """
        step = float(max(query.max(), -query.min())) / STEPS or 1.0
        steps = np.rint(query / step).astype(np.int8)
        products = np.asarray(numkong.dots_packed(steps[np.newaxis], self.packed))[0]
        rounded = steps * np.float32(step)
        lost = query - rounded
        wrong = sqrt(lost @ lost) + sqrt(rounded @ rounded) * self.farthest + FLOAT_ERROR
        least = reached(products, count) - 2 * wrong / (step * self.step)
        return np.flatnonzero(products >= floor(least))


def mapped(path: Path) -> NDArray[Any]:
    """Open a file of an array; its pages come into memory as they are needed.

    Raises:
        OSError: If the file is not there.
        ValueError: If it holds no array.
    """
    return np.asarray(np.load(path, mmap_mode="r" if MAPPED else None))


def parts(vectors: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Cut vectors into parts that fit into the processor's cache."""
    for begin in range(0, len(vectors), IN_CACHE):
        yield vectors[begin : begin + IN_CACHE]


class HNSW:
    """Follows a graph from neighbour to neighbour: a hundred times fewer comparisons, and now and then a miss."""

    def __init__(self, index: Index) -> None:
        self.index = index

    @classmethod
    def of(cls, vectors: Vectors) -> "HNSW":
        """Build the graph; one thread, so that the same vectors give the same graph."""
        index = Index(
            ndim=vectors.shape[1],
            metric="ip",
            dtype="f32",
            connectivity=CONNECTIVITY,
            expansion_add=LOOKED_AT_ADDING,
            expansion_search=LOOKED_AT_SEARCHING,
        )
        index.add(np.arange(len(vectors), dtype=np.uint64), vectors, threads=1)
        return cls(index)

    def search(self, query: Vectors, count: int) -> tuple[Positions, Scores]:
        """Return positions and cosines of the nearest vectors that were found, nearest first."""
        found = self.index.search(query, count, threads=1)
        return found.keys.astype(np.int64), (1.0 - found.distances).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write the graph to a file."""
        self.index.save(str(path))

    @classmethod
    def load(cls, path: Path) -> "HNSW":
        """Open the file of a graph.

        Raises:
            OSError: If the file is not there.
            ValueError: If it is no such index.
        """
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not there")
        try:
            # Nobody asks for the vector of a key, and to prepare for it takes as long as all the rest.
            index = Index.restore(str(path), view=MAPPED, enable_key_lookups=False)
        except Exception as error:  # usearch raises errors of many kinds
            raise ValueError(f"{path} is damaged: {error}") from error
        if index is None:
            raise ValueError(f"{path} is damaged: it is no index")
        index.expansion_search = LOOKED_AT_SEARCHING  # not kept in the file
        return cls(index)
