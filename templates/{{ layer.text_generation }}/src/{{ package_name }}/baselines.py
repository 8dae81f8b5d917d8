"""Pipeline stage `baselines`: what is reached without a network? It runs again only when the texts change.

Reads data/prepared/ and params.yaml (`evaluate.tokens`); writes data/baselines.npz: for each document of the test part
the sum of its tokens' losses in nats, of two models that count tokens:

    ngram     how often a token followed the three before it (interpolated Kneser-Ney)
    unigram   how often a token occurs
"""

from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer

from .config import PREPARED
from .dataset import TOKENIZER, load_part
from .metrics import Floats
from .ngram import NGram
from .params import load_params
from .tokenizer import Tokens

BASELINES = PREPARED.parent / "baselines.npz"
# Longest n-grams of each. Five tokens instead of four gain 0.3 % on the addresses (1.357 to 1.353 bits per character of
# the validation part).
ORDERS = {"ngram": 4, "unigram": 1}


def baseline_losses(train: Sequence[Tokens], test: Sequence[Tokens], vocabulary: int) -> dict[str, Floats]:
    """Fit the models and return the sum of losses of each test document in nats, shape (documents,).

    Args:
        train: Tokens of documents.
        test: Tokens of other documents, whole or cut off.
        vocabulary: Size of the vocabulary.
    """
    found = {}
    for name, order in ORDERS.items():
        model = NGram(train, vocabulary, order)
        found[name] = np.array([model.losses(tokens).sum() for tokens in test])
    return found


def main() -> None:
    """Fit, judge and write."""
    test = list(load_part("test").first(load_params().evaluate.tokens))
    vocabulary = Tokenizer.from_file(str(TOKENIZER)).get_vocab_size()
    losses = baseline_losses(load_part("train").tokens, test, vocabulary)
    with BASELINES.open("wb") as file:
        np.savez(file, ngram=losses["ngram"], unigram=losses["unigram"])
    predicted = sum(len(tokens) - 1 for tokens in test)
    for name, values in losses.items():
        print(f"{name}: {values.sum() / predicted:.3f} nats a token")


if __name__ == "__main__":
    main()
