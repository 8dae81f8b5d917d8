"""Searching vectors, behind one small interface: exactly in memory, or by a graph of neighbours (HNSW).

A vector database server, for many users of one index, is in `database.py`. `knowledge_base.py` chooses.
"""

import sys
from pathlib import Path
from typing import Protocol

import numpy as np
from usearch.index import Index

from .bm25 import Positions, Scores, best
from .embedders import Vectors

# Of HNSW (Malkov and Yashunin 2018): neighbours of a node, and how many candidates are looked at.
CONNECTIVITY, LOOKED_AT_ADDING, LOOKED_AT_SEARCHING = 16, 128, 128

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
    """Compares the query with every vector: nothing is missed, and nothing needs to be built."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors

    @classmethod
    def load(cls, path: Path) -> "Exact":
        """Open a file of vectors.

        Raises:
            OSError: If the file is not there.
            ValueError: If it holds no array.
        """
        return cls(np.load(path, mmap_mode="r" if MAPPED else None))

    def search(self, query: Vectors, count: int) -> tuple[Positions, Scores]:
        """Return positions and cosines of the nearest vectors, nearest first."""
        cosines: Scores = self.vectors @ query
        found = best(cosines, count)
        return found, cosines[found]


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
