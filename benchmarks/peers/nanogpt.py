"""nanoGPT's model and training loop on the texts of a project.

    python nanogpt.py NANOGPT PROJECT PACKAGE RECIPE MINUTES

NANOGPT is a clone of https://github.com/karpathy/nanoGPT, whose `train.py` is run as it is, with the settings for small
data of its `config/train_shakespeare_char.py` and `--device=cpu --compile=False`. The recipe says the rest:

    same     the project's tokens, and a network of the same width, layers, heads, window and batch as the project's
    readme   characters, and the network that its README recommends for a computer without a GPU

Steps and learning rate are laid out for the time: a short run first finds out how long a step takes. The checkpoint
with the best validation loss is judged as the project judges itself: every document of the validation part, windows
that overlap by half, bits per character. It prints what it found as JSON.
"""

import importlib
import json
import pickle
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

README = {"block_size": 64, "batch_size": 12, "n_layer": 4, "n_head": 4, "n_embd": 128}
LOOKS = 8  # at the validation part; each may be the best one
TRIED_STEPS = 60


def prepared(project: Path, package: str, recipe: str) -> tuple[dict[str, list[Any]], int, dict[str, int]]:
    """Return the tokens of each document by part, the size of the vocabulary, and the network's sizes."""
    load_part = importlib.import_module(f"{package}.dataset").load_part
    params = importlib.import_module(f"{package}.params").load_params()
    parts = {name: load_part(name) for name in ("train", "validation")}
    if recipe == "same":
        from tokenizers import Tokenizer

        size = Tokenizer.from_file(str(project / "data/prepared/tokenizer.json")).get_vocab_size()
        sizes = {
            "block_size": params.model.context,
            "batch_size": params.train.batch_size,
            "n_layer": params.model.layers,
            "n_head": params.model.heads,
            "n_embd": params.model.width,
        }
        return {name: part.tokens for name, part in parts.items()}, size, sizes
    known = sorted({sign for document in parts["train"].documents for sign in document.text} | {"\n"})
    number = {sign: place for place, sign in enumerate(known)}
    tokens = {
        # A document begins with a line break, so that its first character is predicted; unseen ones count as that, too.
        name: [
            np.array([number.get(sign, number["\n"]) for sign in f"\n{document.text}"]) for document in part.documents
        ]
        for name, part in parts.items()
    }
    return tokens, len(known), README


def train(folder: Path, sizes: dict[str, int], steps: int, every: int) -> tuple[float, str]:
    """Run its training loop; returns the seconds of the whole process, and what it printed."""
    options = sizes | {
        "dataset": "project", "out_dir": "out-project", "device": "cpu", "compile": False, "dropout": 0.0,
        "eval_interval": every, "eval_iters": 20, "log_interval": 10, "max_iters": steps, "lr_decay_iters": steps,
    }  # fmt: skip
    command = [sys.executable, "train.py", "config/train_shakespeare_char.py"]
    started = time.perf_counter()
    done = subprocess.run(  # noqa: S603
        [*command, *(f"--{name}={value}" for name, value in options.items())],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - started, done.stdout


def judged(folder: Path, project: Path, package: str, recipe: str, context: int, documents: list[Any]) -> float:
    """Return the bits per character that its best checkpoint needs for the validation part."""
    sys.path.insert(0, str(folder))
    gpt = importlib.import_module("model")
    checkpoint = torch.load(folder / "out-project" / "ckpt.pt", map_location="cpu", weights_only=True)
    model = gpt.GPT(gpt.GPTConfig(**checkpoint["model_args"]))
    model.load_state_dict(checkpoint["model"])
    model.eval()

    class Logits(torch.nn.Module):
        """Its network as the project's functions want it: without targets it would answer for the last place only."""

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            """Return the logits of every next token."""
            tokens = tokens.contiguous()
            logits: torch.Tensor = model(tokens, tokens)[0]
            return logits

    scoring = importlib.import_module(f"{package}.scoring")
    metrics = importlib.import_module(f"{package}.metrics")
    found = scoring.judged(scoring.of_network(Logits(), torch.device("cpu")), documents, context)
    if recipe == "same":
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(project / "data/prepared/tokenizer.json"))
        pieces = importlib.import_module(f"{package}.tokenizer").token_bytes(tokenizer)
        sizes = scoring.sizes_of(documents, pieces)
    else:
        sizes = np.array([[len(document) - 1, len(document) - 1] for document in documents])
    return float(metrics.bits_per_character(sizes, found))


def main() -> None:
    """Lay out, train, judge."""
    folder, project, package, recipe, minutes = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:6]
    tokens, vocabulary, sizes = prepared(project, package, recipe)
    data = folder / "data" / "project"
    data.mkdir(parents=True, exist_ok=True)
    for name, file in (("train", "train.bin"), ("validation", "val.bin")):
        np.concatenate(tokens[name]).astype(np.uint16).tofile(data / file)
    (data / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": vocabulary}))
    tried, printed = train(folder, sizes, TRIED_STEPS, 10 * TRIED_STEPS)
    milliseconds = [float(each) for each in re.findall(r"time ([\d.]+)ms", printed)][1:]
    step_s = float(np.median(milliseconds)) / 1000
    around_s = max(0.0, tried - TRIED_STEPS * step_s)  # the start, and one look at the validation part
    every = int((60 * float(minutes) - around_s * (1 + LOOKS / 4)) / step_s / LOOKS)
    seconds, _ = train(folder, sizes, LOOKS * every, every)
    documents = tokens["validation"]
    context = sizes["block_size"]
    found = {
        "bits_per_character": judged(folder, project, package, recipe, context, documents),
        "seconds": seconds,
        "steps": LOOKS * every,
        "tokens_s": sizes["block_size"] * sizes["batch_size"] / step_s,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
