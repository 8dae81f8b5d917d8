"""What does the network write? Continuations of test documents, beside what people wrote. `evaluate.py` uses it."""

from dataclasses import dataclass

import torch
from tokenizers import Tokenizer

from .dataset import Part
from .generation import Generation, Logits, Past, Sampling, Steps
from .model import Decoder
from .params import Params
from .scoring import text_of
from .tokenizer import Tokens, end_token, token_bytes

# A prompt takes so large a share of the window; its rest is for the continuation.
PROMPT_SHARE = 0.25


@dataclass(frozen=True)
class Sample:
    """A continuation.

    Attributes:
        title: The test document.
        prompt: A passage of it.
        people: How it goes on there.
        model: How the network goes on.
        pretrained: How the network went on before fine-tuning; None if it was trained from scratch.
    """

    title: str
    prompt: str
    people: str
    model: str
    pretrained: str | None


class TorchSteps:
    """A PyTorch network as something that takes steps."""

    def __init__(self, network: Decoder) -> None:
        self.network = network

    def step(self, tokens: Tokens, past: Past | None) -> tuple[Logits, Past]:
        """Read some more tokens; see `generation.Steps`."""
        before = self.network.empty_past() if past is None else torch.from_numpy(past)
        with torch.inference_mode():
            logits, present = self.network.step(torch.from_numpy(tokens), before)
        return logits[-1].numpy(), present.numpy()


def written(network: Steps, before: Steps | None, test: Part, tokenizer: Tokenizer, params: Params) -> list[Sample]:
    """Let the network continue passages from the middle of test documents.

    Args:
        network: What was trained.
        before: The pretrained network that it was fine-tuned from.
        test: Documents that no training step has seen.
        tokenizer: Cuts text into tokens.
        params: How many samples, how long, and how tokens are drawn.
    """
    pieces, end = token_bytes(tokenizer), end_token(tokenizer)
    asked = params.evaluate
    known = max(2, int(params.model.context * PROMPT_SHARE))
    length = min(asked.sample_tokens, params.model.context - known)
    samples = []
    for number in range(asked.samples):
        document = number % len(test.documents)
        tokens = test.tokens[document]
        # Another place each time, where a document has to serve again.
        share = (1 + number // len(test.documents)) / (2 + asked.samples // len(test.documents))
        start = max(0, min(int(len(tokens) * share), len(tokens) - known - length))
        prompt = tokens[start : start + known]
        rest = tokens[start + known : start + known + length]
        sampling = Sampling(asked.temperature, top_p=asked.top_p, seed=asked.seed + number)

        def continued(steps: Steps, prompt: Tokens = prompt, sampling: Sampling = sampling) -> str:
            text = Generation(steps, prompt, pieces, end, max_tokens=length, sampling=sampling)
            return "".join(drawn.text for drawn in text.rest())

        samples.append(
            Sample(
                title=test.documents[document].title,
                prompt=text_of(prompt, pieces),
                people=text_of(rest, pieces),
                model=continued(network),
                pretrained=None if before is None else continued(before),
            )
        )
    return samples
