"""How well is a text predicted? Used in training (validation), in evaluation and by promotion."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - what everybody calls it
from numpy.typing import NDArray
from torch import nn

from .generation import log_probabilities
from .metrics import Floats
from .predict import Predictor
from .tokenizer import Tokens

# Windows that are judged at once: more need more memory and save no time.
JUDGED_AT_ONCE = 8

# Returns the loss of each token after the first of each window: from shape (windows, n) to (windows, n - 1), in nats.
LossesOf = Callable[[Tokens], Floats]


def token_losses(losses_of: LossesOf, tokens: Tokens, context: int) -> Floats:
    """Return the loss of each token of a document after the first, in nats, shape (n - 1,).

    Windows overlap by half: a token is judged with half a context before it or more, but for those at the beginning.

    Args:
        losses_of: The model.
        tokens: Of the document, shape (n,).
        context: Tokens that the model sees at once.
    """
    predicted = len(tokens) - 1
    losses = np.empty(predicted)
    stride = context // 2
    starts = [0, *range(stride, predicted - context + stride, stride)]
    # All windows but the last are equally long.
    groups = [starts[:-1][place : place + JUDGED_AT_ONCE] for place in range(0, len(starts) - 1, JUDGED_AT_ONCE)]
    for group in [*groups, starts[-1:]]:
        length = min(context, predicted - group[0])
        found = losses_of(np.stack([tokens[start : start + length + 1] for start in group]))
        for start, values in zip(group, found, strict=True):
            known = context - stride if start else 0
            losses[start + known : start + length] = values[known:]
    return losses


def of_network(model: nn.Module, device: torch.device) -> LossesOf:
    """Let a PyTorch network judge; it is put into evaluation mode."""
    model.eval()

    def losses(windows: Tokens) -> Floats:
        there = torch.from_numpy(windows).to(device)
        with torch.inference_mode():
            logits = model(there[:, :-1]).float()
            found = F.cross_entropy(logits.flatten(0, 1), there[:, 1:].flatten(), reduction="none")
        return found.view(len(windows), -1).cpu().double().numpy()

    return losses


def of_graph(predictor: Predictor) -> LossesOf:
    """Let an exported graph judge, as the service runs it."""

    def losses(windows: Tokens) -> Floats:
        found = []
        for window in windows:
            logprobs = log_probabilities(predictor.logits(window[:-1]))
            found.append(-logprobs[np.arange(len(logprobs)), window[1:]])
        return np.stack(found)

    return losses


def judged(losses_of: LossesOf, documents: Sequence[Tokens], context: int) -> Floats:
    """Return of each document the sum of its tokens' losses, shape (documents,)."""
    return np.array([token_losses(losses_of, tokens, context).sum() for tokens in documents])


def sizes_of(documents: Sequence[Tokens], pieces: Sequence[bytes]) -> NDArray[np.float64]:
    """Return of each document how many characters its tokens stand for, and how many tokens are predicted.

    Args:
        documents: Tokens of documents, whole or cut off.
        pieces: The bytes that each token stands for; the end of a document is a token, and no character.

    Returns:
        Shape (documents, 2).
    """
    return np.array([[len(text_of(tokens, pieces)), len(tokens) - 1] for tokens in documents], dtype=np.float64)


def text_of(tokens: Tokens, pieces: Sequence[bytes]) -> str:
    """Return what tokens stand for; half a character at an end is left out."""
    return b"".join(pieces[token] for token in tokens).decode("utf-8", "ignore")
