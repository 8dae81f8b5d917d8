"""The language model of the days before neural networks: how often did a token follow the three before it?

`baselines.py` fits it. It is interpolated Kneser-Ney with three discounts for each order, as in Chen and Goodman (1999,
"An empirical study of smoothing techniques for language modeling"), and still hard to beat where there is little text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .metrics import Floats
from .tokenizer import Tokens

# Of n-grams that were seen once, twice, or more often, where the text is too short to estimate them (as KenLM's).
USUAL_DISCOUNTS = (0.5, 1.0, 1.5)


@dataclass(frozen=True)
class Order:
    """What is known of the n-grams of one length.

    An n-gram has a number: its place in `keys`. Its context, one token shorter, is an n-gram of the order below.

    Attributes:
        keys: The context's number times the size of the vocabulary, plus the last token; ascending, shape (n,).
        discounted: Each n-gram's count less its discount, shape (n,).
        totals: For each context the sum of counts, shape (contexts,).
        given: For each context the share that goes to the order below, shape (contexts,).
    """

    keys: NDArray[np.int64]
    discounted: Floats
    totals: Floats
    given: Floats


def discounts(counts: NDArray[np.int64]) -> Floats:
    """Estimate what is taken from n-grams seen 0 (nothing), 1, 2, or 3 and more times, shape (4,).

    Args:
        counts: Of all n-grams of an order.
    """
    usual = np.array([0.0, *USUAL_DISCOUNTS])
    times = np.bincount(np.minimum(counts, 5), minlength=6).astype(np.float64)
    if not times[1:5].all():
        return usual
    share = times[1] / (times[1] + 2 * times[2])
    seen = np.arange(1, 4)
    found = seen - (seen + 1) * share * times[2:5] / times[1:4]
    return np.array([0.0, *found]) if np.all((found > 0) & (found < seen)) else usual


class NGram:
    """Probabilities of the next token by counting."""

    def __init__(self, part_tokens: Sequence[Tokens], vocabulary: int, order: int = 4) -> None:
        """Count the n-grams of documents; none reaches from one into the next.

        Args:
            part_tokens: Of each document, shape (n,), with at least two tokens; the first one is never predicted.
            vocabulary: Size of the vocabulary.
            order: Length of the longest n-grams.
        """
        self.vocabulary = vocabulary
        tokens = np.concatenate(part_tokens)
        place = np.concatenate([np.arange(len(document)) for document in part_tokens])
        # The number of the n-gram that ends at each token, for each order; -1 where the document is too short for one.
        ends = [np.zeros(len(tokens), dtype=np.int64)]
        keys, examples = [], []
        for length in range(1, order + 1):
            here = np.flatnonzero(place >= length - 1)
            context = ends[-1][here - 1] if length > 1 else ends[0]
            all_keys = context * vocabulary + tokens[here]
            found, first, number = np.unique(all_keys, return_index=True, return_inverse=True)
            ends.append(np.full(len(tokens), -1))
            ends[-1][here] = number
            keys.append(found)
            examples.append(here[first])
        self.orders = []
        for length in range(1, order + 1):
            numbers, n = ends[length], len(keys[length - 1])
            if length == order:
                counts = np.bincount(numbers[place >= max(length - 1, 1)], minlength=n)
            else:
                # Not how often, but after how many different tokens; a document's beginning has none before it.
                counts = np.bincount(numbers[examples[length]], minlength=n)
                if length > 1:
                    counts += np.bincount(numbers[place == length - 1], minlength=n)
            contexts = len(keys[length - 2]) if length > 1 else 1
            self.orders.append(counted(keys[length - 1], counts, vocabulary, contexts))

    def losses(self, tokens: Tokens) -> Floats:
        """Return the loss of each token after the first, in nats, shape (n - 1,).

        Args:
            tokens: From the beginning of a document, shape (n,).
        """
        probability = np.full(len(tokens), 1 / self.vocabulary)
        context = np.zeros(len(tokens), dtype=np.int64)  # its number; -1: never seen
        for order in self.orders:
            key = context * self.vocabulary + tokens
            number = np.minimum(np.searchsorted(order.keys, key), len(order.keys) - 1)
            seen = (order.keys[number] == key) & (context >= 0)
            used = (context >= 0) & (order.totals[context] > 0)
            counted_here = np.where(seen, order.discounted[number], 0.0)[used]
            passed_on = order.given[context[used]] * probability[used]
            probability[used] = counted_here / order.totals[context[used]] + passed_on
            context = np.concatenate([[-1], np.where(seen, number, -1)[:-1]])
        losses: Floats = -np.log(probability[1:])
        return losses


def counted(keys: NDArray[np.int64], counts: NDArray[np.int64], vocabulary: int, contexts: int) -> Order:
    """Discount the counts of an order.

    Args:
        keys: See `Order`.
        counts: Of each n-gram, shape (n,).
        vocabulary: Size of the vocabulary.
        contexts: How many n-grams the order below has.
    """
    taken = discounts(counts)[np.minimum(counts, 3)]
    context = keys // vocabulary
    totals = np.bincount(context, weights=counts, minlength=contexts).astype(np.float64)
    given = np.bincount(context, weights=taken, minlength=contexts)
    return Order(keys, counts - taken, totals, given / np.maximum(totals, 1))
