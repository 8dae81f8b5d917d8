"""The tokenizer: text becomes tokens, and tokens become bytes.

`prepare.py` trains it, `predict.py` brings it into the service. It is a byte-level BPE as GPT-2's (Radford et al.
2019): any text can be written with it, whatever its language, and no token stands for "unknown".
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

# Numbers of tokens, one after the other. They stand here and not in dataset.py: the service has no use for that.
Tokens = NDArray[np.int64]

# Begins and ends each document; GPT-2 and SmolLM2 call it the same.
END = "<|endoftext|>"
# A pair of tokens that occurs once in all of the text is not worth a token of its own.
FEWEST_TIMES = 2


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Train a byte-level BPE; the same texts give the same tokenizer.

    Args:
        texts: Of the training part only.
        vocabulary: Tokens at most, with those of the 256 bytes and the one that ends a document; little text gives
            fewer.
    """
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=FEWEST_TIMES,
        special_tokens=[END],
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def end_token(tokenizer: Tokenizer) -> int:
    """Return the token that begins and ends a document.

    Raises:
        ValueError: If the tokenizer has none.
    """
    found = tokenizer.token_to_id(END)
    if found is None:
        raise ValueError(f"the tokenizer has no token {END}")
    return found


def encode_document(tokenizer: Tokenizer, text: str) -> Tokens:
    """Return the tokens of a text between two that say: a document begins or ends here.

    Args:
        tokenizer: Its special tokens are never looked for in the text: "<|endoftext|>" there is just characters.
        text: Any text; empty is possible.

    Returns:
        Shape (n + 2,).
    """
    if not tokenizer.encode_special_tokens:  # only once: it must not be set while another thread encodes
        tokenizer.encode_special_tokens = True
    end = end_token(tokenizer)
    found = tokenizer.encode(text, add_special_tokens=False).ids
    return np.array([end, *found, end], dtype=np.int64)


def byte_characters() -> dict[str, int]:
    """Return the byte for each character that byte-level tokenizers write in its place.

    Bytes that are visible in Latin-1 stand for themselves, the others are moved behind them in order: GPT-2's
    `bytes_to_unicode`, whose outcome is in every tokenizer.json of this kind.
    """
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {chr(256 + place): byte for place, byte in enumerate(hidden)}


def token_bytes(tokenizer: Tokenizer) -> list[bytes]:
    """Return the bytes that each token stands for; a special token stands for none.

    Raises:
        ValueError: If this is no byte-level tokenizer.
    """
    known = byte_characters()
    vocabulary = tokenizer.get_vocab()
    pieces = [b""] * (1 + max(vocabulary.values()))
    added = tokenizer.get_added_tokens_decoder()
    for piece, token in vocabulary.items():
        if token in added:
            pieces[token] = b"" if added[token].special else piece.encode()
            continue
        try:
            pieces[token] = bytes(known[character] for character in piece)
        except KeyError as error:
            raise ValueError(f"token {token} ({piece!r}) is not made of bytes: no byte-level tokenizer") from error
    return pieces
