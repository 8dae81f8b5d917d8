"""What the network is judged by. Each metric takes, by document, the size of its text and the loss of its tokens.

Tokens of two tokenizers hold different amounts of text, so that their losses cannot be compared. Bits per character
can: what is asked is how well the same text is predicted, however it was cut.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bootstrap import Metric

# The metric that decides about promotion; smaller is better.
DECISIVE = "bits_per_character"
DECISIVE_NAME = "bits per character"

Floats = NDArray[np.float64]


def bits_per_character(sizes: NDArray[Any], losses: NDArray[Any]) -> float:
    """Return the bits that the model needs for a character.

    Args:
        sizes: Of each document: its characters and its predicted tokens, shape (documents, 2).
        losses: Of each document: the sum of its tokens' losses in nats, shape (documents,).
    """
    return float(losses.sum() / math.log(2) / sizes[:, 0].sum())


def token_loss(sizes: NDArray[Any], losses: NDArray[Any]) -> float:
    """Return the mean loss of a token in nats; arguments as for `bits_per_character`."""
    return float(losses.sum() / sizes[:, 1].sum())


def perplexity(sizes: NDArray[Any], losses: NDArray[Any]) -> float:
    """Return the number of equally probable tokens that would be as hard to guess; arguments as above."""
    return math.exp(token_loss(sizes, losses))


METRICS: Mapping[str, Metric] = {
    "bits_per_character": bits_per_character,
    "token_loss": token_loss,
    "perplexity": perplexity,
}
