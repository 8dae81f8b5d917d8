"""The trained network as the service uses it: ONNX Runtime, numpy and a tokenizer, nothing else.

A model folder holds `model.json` (sizes, where it comes from, example prompts), the graph and the tokenizer that it
names. `uv run poe generate "Fellow citizens"` continues a text in the terminal.
"""

import argparse
import hashlib
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime as ort
from pydantic import Field
from tokenizers import Tokenizer

from .generation import Generation, Logits, Past, Sampling
from .model_folder import ModelCard, fingerprint, read_folder
from .settings import Settings, threads_for
from .tokenizer import Tokens, encode_document, token_bytes


class Card(ModelCard):
    """What travels with the graph, in model.json.

    Attributes:
        context: Tokens that the network sees at once: a text cannot become longer.
        layers, kv_heads, head_dim: Sizes of what the graph keeps of the tokens before.
        end_token: Begins and ends a document.
        tokenizer_sha256: Checksum of the tokenizer's file.
        prompts: Beginnings of texts, as examples.
        seen: Checksums of the documents of training and validation: they say nothing about how good the network is.
    """

    decisive = frozenset({"context", "layers", "kv_heads", "head_dim", "end_token", "tokenizer_sha256"})

    context: int
    layers: int
    kv_heads: int
    head_dim: int
    end_token: int
    tokenizer_sha256: str = ""
    prompts: list[str]
    seen: list[str] = Field(default_factory=list)

    @property
    def tokenizer_file(self) -> str:
        """Name of the tokenizer's file, beside model.json."""
        return f"tokenizer-{self.tokenizer_sha256[:12]}.json"

    @property
    def example(self) -> dict[str, Any]:
        """A request for the service."""
        return {"prompt": self.prompts[0], "max_tokens": 40, "seed": 0}

    @property
    def files(self) -> list[str]:
        """Names of all files beside model.json."""
        return [self.graph_file, self.tokenizer_file]


class Predictor:
    """A loaded model.

    Example:
        >>> predictor = Predictor.load(Path("models/champion"))
        >>> logits, past = predictor.step(predictor.encode("Fellow citizens"), None)
    """

    def __init__(self, graph: bytes, card: Card, tokenizer: Tokenizer, threads: int) -> None:
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = threads_for(threads)
        settings.inter_op_num_threads = 1
        self.session = ort.InferenceSession(graph, settings, providers=["CPUExecutionProvider"])
        self.card, self.tokenizer = card, tokenizer
        self.pieces = token_bytes(tokenizer)
        self.nothing_read = np.zeros((card.layers, 2, card.kv_heads, 0, card.head_dim), np.float32)

    @classmethod
    def load(cls, folder: Path, threads: int = 0) -> Self:
        """Read a model folder.

        Args:
            folder: Where it lies.
            threads: Of one step; 0 uses as many as OMP_NUM_THREADS says, or every core.

        Raises:
            OSError: If a file is not there.
            ValueError: If the files are damaged or do not belong together.
        """
        graph, card = read_folder(folder, Card)
        content = (folder / card.tokenizer_file).read_bytes()
        if hashlib.sha256(content).hexdigest() != card.tokenizer_sha256:
            raise ValueError(f"{folder / card.tokenizer_file} is damaged: its checksum is another")
        return cls(graph, card, Tokenizer.from_str(content.decode()), threads)

    @classmethod
    def of(cls, graph: bytes, card: Card, tokenizer: Tokenizer, threads: int = 0) -> Self:
        """Make a model of a new graph, and write checksum and version into the card."""
        card.tokenizer_sha256 = hashlib.sha256(tokenizer.to_str().encode()).hexdigest()
        card.version = fingerprint(graph, card)
        return cls(graph, card, tokenizer, threads)

    def save(self, folder: Path, graph: bytes) -> None:
        """Write the model folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / self.card.graph_file).write_bytes(graph)
        (folder / self.card.tokenizer_file).write_bytes(self.tokenizer.to_str().encode())
        (folder / "model.json").write_text(self.card.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @property
    def info(self) -> dict[str, Any]:
        """Everything about the model that a person may want to read, for `GET /model`."""
        info: dict[str, Any] = self.card.model_dump(exclude={"seen"})
        return info

    def encode(self, prompt: str) -> Tokens:
        """Return the tokens of a text that is to be continued; the first says that a document begins."""
        return encode_document(self.tokenizer, prompt)[:-1]

    def run(self, tokens: Tokens, past: Past) -> tuple[Logits, Past]:
        """Read tokens; returns the logits after each, shape (n, vocabulary), and the new past."""
        logits, present = self.session.run(["logits", "present"], {"tokens": tokens, "past": past})
        return logits, present

    def step(self, tokens: Tokens, past: Past | None) -> tuple[Logits, Past]:
        """Read some more tokens of a text.

        Args:
            tokens: The new ones, shape (n,).
            past: What the last step returned; None at the beginning.

        Returns:
            The logits of what comes next, shape (vocabulary,), and the past of the next step.
        """
        logits, present = self.run(tokens, self.nothing_read if past is None else past)
        return logits[-1], present

    def logits(self, tokens: Tokens) -> Logits:
        """Return the logits after each token of a text, shape (n, vocabulary)."""
        return self.run(tokens, self.nothing_read)[0]

    def begin(self, prompt: Tokens, **options: Any) -> Generation:
        """Begin to continue a text; options as for `Generation`."""
        return Generation(self, prompt, self.pieces, self.card.end_token, **options)


def main() -> None:
    """Continue a text and print it as it is written."""
    parser = argparse.ArgumentParser(prog="poe generate", description="Continue a text with the model in service.")
    parser.add_argument("prompt", nargs="?", help="the beginning (default: an example)")
    parser.add_argument("--tokens", type=int, default=100, help="at most (default: 100)")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    try:
        predictor = Predictor.load(Settings().model_dir)
    except (OSError, ValueError) as error:
        raise SystemExit(f"error: no model: {error} (train one with `uv run poe train`)") from error
    prompt = predictor.card.prompts[0] if asked.prompt is None else asked.prompt
    try:
        tokens = predictor.encode(prompt)
    except (TypeError, UnicodeEncodeError) as error:
        raise SystemExit("error: the prompt is no UTF-8 text") from error
    room = predictor.card.context - len(tokens)
    if room < 1:
        raise SystemExit(f"error: the prompt has {len(tokens)} tokens; the network sees {predictor.card.context}")
    sampling = Sampling(temperature=max(0.0, asked.temperature), top_p=0.95, seed=max(0, asked.seed))
    text = predictor.begin(tokens, max_tokens=max(1, min(asked.tokens, room)), sampling=sampling)
    print(prompt, end="", flush=True)
    for drawn in text.rest():
        print(drawn.text, end="", flush=True)
    print()


if __name__ == "__main__":
    main()
