"""Pipeline stage `embed`: a vector for each passage; only passages that are new or changed are embedded.

Reads data/prepared/chunks.jsonl and params.yaml (`embed`); writes the folder data/embeddings and
reports/embedding.json. Run by `dvc repro`.

The folder keeps what was embedded under the checksum of the passage's text, so a changed document costs only its
changed passages, and a run that was killed goes on where it stopped.
"""

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from .config import REPORTS
from .documents import CHUNKS, Chunk, read_rows
from .embedders import Embedder, Vectors, embed_all, open_embedder
from .model_folder import write_atomically
from .params import load_params

EMBEDDINGS = Path("data/embeddings")
# New vectors are written after so many passages: about ten seconds of MiniLM on two cores.
KEPT_AFTER = 512


class Store:
    """The vectors that are there, by the checksum of the text; a folder of files that are complete or not there."""

    def __init__(self, folder: Path, identity: str) -> None:
        """Read the folder; what another embedder made is left out, and so is a damaged file."""
        self.folder, self.identity = folder, identity
        self.vectors: dict[str, Vectors] = {}
        for path in sorted(folder.glob("*.npz")):
            try:
                with path.open("rb") as content, np.load(content) as file:
                    if str(file["identity"]) == identity:
                        self.vectors |= dict(zip(file["keys"].tolist(), file["vectors"], strict=True))
            except (OSError, ValueError, KeyError, BadZipFile):
                continue

    def write(self, name: str, keys: Sequence[str]) -> None:
        """Write some of the vectors into a file of their own."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f"{name}.partial"
        vectors = np.stack([self.vectors[key] for key in keys])
        with partial.open("wb") as file:
            np.savez(file, identity=np.array(self.identity), keys=np.array(keys), vectors=vectors)
        partial.replace(self.folder / f"{name}.npz")

    def keep_only(self, keys: Sequence[str]) -> None:
        """Put everything into one file, without the passages that are gone."""
        kept = sorted(set(keys))
        self.write("all", kept)
        for path in self.folder.iterdir():
            if path.name != "all.npz":
                path.unlink()
        self.vectors = {key: self.vectors[key] for key in kept}


def embed_chunks(chunks: Iterable[Chunk], embedder: Embedder, batch_size: int, folder: Path) -> tuple[Vectors, int]:
    """Return the vector of each passage, shape (passages, dimensions), and how many had to be embedded.

    Raises:
        OSError: If the embedder does not answer; what was embedded until then is kept.
    """
    chunks = list(chunks)
    store = Store(folder, embedder.identity)
    texts = {chunk.key: chunk.searched for chunk in chunks}
    missing = [key for key in texts if key not in store.vectors]
    unwritten: list[str] = []

    def done(places: Sequence[int], vectors: Vectors) -> None:
        keys = [missing[place] for place in places]
        store.vectors |= dict(zip(keys, vectors, strict=True))
        unwritten.extend(keys)
        if len(unwritten) >= KEPT_AFTER:
            store.write(f"new-{unwritten[0][:16]}", unwritten)
            unwritten.clear()

    try:
        embed_all(embedder, [texts[key] for key in missing], batch_size, done)
    finally:
        if unwritten:
            store.write(f"new-{unwritten[0][:16]}", unwritten)
    store.keep_only(list(texts))
    return np.stack([store.vectors[chunk.key] for chunk in chunks]), len(missing)


def main() -> None:
    """Embed, and say how fast."""
    params = load_params()
    chunks = read_rows(CHUNKS, Chunk)
    started = time.perf_counter()
    try:
        embedder = open_embedder(params.embed.model)
        _, embedded = embed_chunks(chunks, embedder, params.embed.batch_size, EMBEDDINGS)
    except (OSError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error
    seconds = time.perf_counter() - started
    report = {
        "embedder": embedder.identity,
        "passages": len(chunks),
        "embedded": embedded,
        "passages_per_second": embedded / seconds,
    }
    REPORTS.mkdir(exist_ok=True)
    write_atomically(REPORTS / "embedding.json", json.dumps(report, indent=2) + "\n")
    print(f"{embedded} of {len(chunks)} passages embedded in {seconds:.0f} s; the others had their vectors")


if __name__ == "__main__":
    main()
