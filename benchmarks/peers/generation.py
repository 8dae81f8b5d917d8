"""How fast is a text written? The project's ways and transformers' `generate`, with the very same weights, one text.

    python generation.py PROJECT PACKAGE

The network's parts have the names of transformers' Llama, so that its weights load there as they are; the logits are
compared first. Every way reads the same prompt and writes the same number of tokens, by sampling at temperature 1
without cuts, for some rounds in turn; the end of a document does not end the text. It prints the seconds as JSON.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

PROMPT, WRITTEN, ROUNDS = 32, 200, 5


def llama_of(network: Any) -> Any:
    """Return transformers' Llama with the weights of a network."""
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = network.shape
    config = LlamaConfig(
        vocab_size=shape.vocabulary, hidden_size=shape.width, intermediate_size=shape.hidden,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads,
        rms_norm_eps=shape.norm_eps, tie_word_embeddings=True, max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_base},
        bos_token_id=0, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    llama = LlamaForCausalLM(config)
    llama.model.load_state_dict(network.state_dict())
    return llama.eval()


def main() -> None:
    """Measure each way in turn."""
    package = sys.argv[2]

    def module(name: str) -> Any:
        return importlib.import_module(f"{package}.{name}")

    test = module("dataset").load_part("test")
    predictor = module("predict").Predictor.load(Path("models/candidate"), threads=0)
    generation, steps = module("generation"), module("samples").TorchSteps
    params = module("params").load_params()
    network = module("evaluate").trained_network(params, len(predictor.pieces))
    llama = llama_of(network)
    prompt = test.tokens[0][:PROMPT]
    there = torch.from_numpy(prompt)[None]
    with torch.inference_mode():
        difference = float((llama(there).logits - network(there)).abs().max())
    if difference > 1e-3:
        raise SystemExit(f"the two networks differ by {difference}")
    never = -1  # no token ends the text

    class Uncached:
        """Reads the whole text again for each token."""

        def __init__(self) -> None:
            self.read = np.zeros(0, np.int64)

        def step(self, tokens: Any, past: Any) -> tuple[Any, Any]:
            """Return the logits of what comes next."""
            self.read = np.concatenate([self.read, tokens])
            with torch.inference_mode():
                return network(torch.from_numpy(self.read)[None])[0, -1].numpy(), past

    def ours(network_of: Callable[[], Any]) -> int:
        sampling = generation.Sampling(seed=0)
        text = generation.Generation(
            network_of(), prompt, predictor.pieces, never, max_tokens=WRITTEN, sampling=sampling
        )
        return len(list(text.rest()))

    def theirs(*, use_cache: bool) -> int:
        with torch.inference_mode():
            found = llama.generate(
                there, max_new_tokens=WRITTEN, do_sample=True, top_k=0, top_p=1.0, use_cache=use_cache
            )
        return found.shape[1] - PROMPT

    ways: dict[str, Callable[[], int]] = {
        "service": lambda: ours(lambda: predictor),
        "cached": lambda: ours(lambda: steps(network)),
        "uncached": lambda: ours(Uncached),
        "transformers": lambda: theirs(use_cache=True),
        "transformers_uncached": lambda: theirs(use_cache=False),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):  # the first one warms up
        for name, way in ways.items():
            started = time.perf_counter()
            written = way()
            if written != WRITTEN:
                raise SystemExit(f"{name} wrote {written} tokens instead of {WRITTEN}")
            if number:
                seconds[name].append(time.perf_counter() - started)
    weights = sum(weight.numel() for weight in network.parameters())
    print(json.dumps({"seconds": seconds, "tokens": WRITTEN, "weights": weights, "difference": difference}))


if __name__ == "__main__":
    main()
