"""Batches for training: windows of tokens, drawn by chance and yet the same whenever a round is repeated."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from .tokenizer import Tokens


def windows(
    tokens: Tokens, context: int, batch_size: int, steps: int, *, seed: int, epoch: int, rank: int = 0, world: int = 1
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield this process' part of each batch: inputs, and what comes next at each place.

    Windows begin at even distances from a first place that each round draws anew, and are taken in random order; so a
    round sees every part of the text about as often as any other.

    Args:
        tokens: Of all documents, one after the other, shape (n,).
        context: Tokens of a window.
        batch_size: Windows of a batch, of all processes together.
        steps: Number of batches.
        seed: Decides about places and order.
        epoch: So does this.
        rank: Which process this is.
        world: How many processes there are.

    Yields:
        Inputs and targets, each of shape (batch_size / world, context).
    """
    chance = np.random.default_rng([seed, epoch])
    wanted = steps * batch_size
    # The last token has no successor, so that a window takes one more.
    places = len(tokens) - context
    starts = order(places, context, chance)
    while len(starts) < wanted:
        starts = np.concatenate([starts, order(places, context, chance)])
    within = np.arange(context + 1)
    for batch in starts[:wanted].reshape(steps, batch_size):
        mine = torch.from_numpy(tokens[batch[rank::world, None] + within])
        yield mine[:, :-1], mine[:, 1:]


def order(places: int, context: int, chance: np.random.Generator) -> Tokens:
    """Return where windows begin that cover the text once, in random order.

    Args:
        places: Number of possible beginnings.
        context: Distance between two of them.
        chance: Draws the first one and the order.
    """
    starts = np.arange(chance.integers(min(context, places)), places, context)
    return chance.permutation(starts)
