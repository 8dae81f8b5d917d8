"""Searching vectors in PostgreSQL with its extension pgvector: one index for many replicas of the service.

With `VECTOR_DATABASE_URL` set, `index.py` writes the vectors there, and `knowledge_base.py` searches there instead of
in memory. Needs `uv sync --group pgvector`.
"""

import hashlib
from typing import Any, Self

import numpy as np
from tqdm import tqdm

from .bm25 import Positions, Scores
from .embedders import Vectors
from .vectors import CONNECTIVITY, LOOKED_AT_ADDING, LOOKED_AT_SEARCHING

SECONDS_TO_CONNECT = 10
ROWS_AT_A_TIME = 1000


def text_of(vector: Vectors) -> str:
    """Write a vector as pgvector reads it."""
    return "[" + ",".join(f"{value:.9g}" for value in vector.tolist()) + "]"


class DatabaseIndex:
    """A table of vectors, named by their checksum: an old service and a new one do not disturb each other."""

    def __init__(self, url: str, table: str) -> None:
        """Connect.

        Args:
            url: As `postgresql://user:password@host/database`.
            table: See `name_of`.

        Raises:
            OSError: If the server does not answer, the library is missing, or the table is not there.
        """
        try:
            import psycopg
        except ImportError as error:
            raise OSError(f"{error}: install it with `uv sync --group pgvector`") from error
        self.psycopg, self.url, self.table = psycopg, url, table
        self.connection: Any = None
        if self.execute("SELECT to_regclass(%s)", table)[0][0] is None:
            raise OSError(f"the database has no table {table}: `uv run poe train` with VECTOR_DATABASE_URL writes it")

    def execute(self, statement: str, *values: object) -> list[Any]:
        """Run a statement and return its rows; a connection that was lost is opened again, once.

        Raises:
            OSError: If the server does not answer, or refuses.
        """
        for attempt in (1, 2):
            try:
                if self.connection is None or self.connection.closed:
                    self.connection = self.psycopg.connect(
                        self.url, autocommit=True, connect_timeout=SECONDS_TO_CONNECT
                    )
                    self.connection.execute(f"SET hnsw.ef_search = {LOOKED_AT_SEARCHING}")
                return list(self.connection.execute(statement, values, prepare=True).fetchall())
            except self.psycopg.OperationalError as error:
                self.connection = None
                if attempt == 2:
                    raise OSError(f"the vector database does not answer: {error}") from error
            except self.psycopg.Error as error:
                raise OSError(f"the vector database refuses: {error}") from error
        raise AssertionError("unreachable")

    @staticmethod
    def name_of(vectors: Vectors) -> str:
        """Return the name of the table for some vectors."""
        return f"passages_{hashlib.sha256(vectors.tobytes()).hexdigest()[:12]}"

    @classmethod
    def of(cls, url: str, vectors: Vectors) -> Self:
        """Write vectors into their table, complete or not at all, unless they are there.

        Raises:
            OSError: If the server does not answer, refuses, or lacks the extension.
        """
        try:
            import psycopg
        except ImportError as error:
            raise OSError(f"{error}: install it with `uv sync --group pgvector`") from error
        table = cls.name_of(vectors)
        try:
            with psycopg.connect(url, connect_timeout=SECONDS_TO_CONNECT) as connection:  # one transaction
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
                found = connection.execute("SELECT to_regclass(%s)", (table,)).fetchone()
                if found is None or found[0] is None:
                    write(connection, table, vectors)
        except psycopg.Error as error:
            raise OSError(f"the vector database does not take the vectors: {error}") from error
        return cls(url, table)

    def search(self, query: Vectors, count: int) -> tuple[Positions, Scores]:
        """Return positions and cosines of the nearest vectors that were found, nearest first.

        Raises:
            OSError: If the server does not answer.
        """
        # The name is a checksum, and the count a number: neither comes from a request.
        statement = f"SELECT place, vector <#> %s::vector FROM {self.table} ORDER BY 2 LIMIT {int(count)}"  # noqa: S608
        rows = self.execute(statement, text_of(query))
        places = np.array([row[0] for row in rows], dtype=np.int64)
        return places, -np.array([row[1] for row in rows], dtype=np.float32)


def write(connection: Any, table: str, vectors: Vectors) -> None:
    """Make a table of vectors and its HNSW index."""
    connection.execute(f"CREATE TABLE {table} (place integer PRIMARY KEY, vector vector({vectors.shape[1]}))")
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} FROM STDIN") as rows,
        tqdm(total=len(vectors), desc="write", unit="passage", disable=None) as bar,
    ):
        for place, vector in enumerate(vectors):
            rows.write_row((place, text_of(vector)))
            if place % ROWS_AT_A_TIME == 0:
                bar.update(min(ROWS_AT_A_TIME, len(vectors) - place))
    connection.execute(
        f"CREATE INDEX ON {table} USING hnsw (vector vector_ip_ops) "
        f"WITH (m = {CONNECTIVITY}, ef_construction = {LOOKED_AT_ADDING})"
    )
