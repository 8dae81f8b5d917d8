"""How a text is written: token by token, each drawn from what the network finds probable.

`engine.py` and `samples.py` use it. The network is whatever can take a step.
"""

from codecs import getincrementaldecoder
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .tokenizer import Tokens

Logits = NDArray[np.float32]
Past = NDArray[np.float32]

# A prompt is read in pieces of so many tokens, so that a long one does not hold up what others are writing.
PIECE = 128


class Steps(Protocol):
    """A network that reads some more tokens of a text."""

    def step(self, tokens: Tokens, past: Past | None) -> tuple[Logits, Past]:
        """Return the logits of what comes next, shape (vocabulary,), and what to hand over at the next step."""
        ...


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn.

    Attributes:
        temperature: Divides the logits; 0 always takes the most probable token.
        top_k: Only so many of the most probable tokens are possible; 0 for all.
        top_p: Only the most probable tokens that together have this probability are possible (Holtzman et al. 2020).
        seed: The same seed draws the same text.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Drawn:
    """A token that was written.

    Attributes:
        token: Its number.
        text: What it adds to the text; empty while a character is not complete.
        logprob: Natural logarithm of its probability, before temperature and cuts.
        alternatives: The most probable tokens at this place with their logarithms, most probable first.
        finished: `stop` or `length` if this is the last one.
    """

    token: int
    text: str
    logprob: float
    alternatives: list[tuple[int, float]]
    finished: str | None


def log_probabilities(logits: Logits) -> NDArray[np.float64]:
    """Return the natural logarithms of the probabilities; both of shape (…, vocabulary)."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    found: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return found


def draw(
    logprobs: NDArray[np.float64], order: NDArray[np.int64], sampling: Sampling, chance: np.random.Generator
) -> int:
    """Draw a token.

    Args:
        logprobs: Shape (vocabulary,).
        order: All tokens, most probable first.
        sampling: How.
        chance: One number is taken from it, whatever the settings.
    """
    number = chance.random()
    if sampling.temperature == 0:
        return int(order[0])
    if sampling.top_k:
        order = order[: sampling.top_k]
    with np.errstate(over="ignore"):  # of a temperature near 0: minus infinity is right
        heights = (logprobs[order] - logprobs[order[0]]) / sampling.temperature
    shares = np.exp(heights)
    shares /= shares.sum()
    # The token that reaches top_p is still possible.
    kept = int(np.searchsorted(np.cumsum(shares), sampling.top_p)) + 1
    sums = np.cumsum(shares[:kept])
    return int(order[min(int(np.searchsorted(sums, number * sums[-1], side="right")), len(sums) - 1)])


class TextStream:
    """Turns tokens into text as they come; a character of several tokens waits until it is complete."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = pieces
        self.decoder = getincrementaldecoder("utf-8")(errors="replace")

    def add(self, token: int) -> str:
        """Return the text that a token completes; bytes that are no text become the replacement character."""
        return self.decoder.decode(self.pieces[token])

    def rest(self) -> str:
        """Return what is left at the end: half a character is shown as the replacement character."""
        return self.decoder.decode(b"", final=True)


class Generation:
    """One text that is being written; each call of `advance` takes one step."""

    def __init__(
        self,
        network: Steps,
        prompt: Tokens,
        pieces: Sequence[bytes],
        end_token: int,
        *,
        max_tokens: int,
        sampling: Sampling,
        stop: Sequence[str] = (),
        alternatives: int = 0,
    ) -> None:
        """Begin.

        Args:
            network: Takes the steps.
            prompt: At least one token, shape (n,).
            pieces: The bytes of each token.
            end_token: Ends the text when it is drawn.
            max_tokens: The text ends after so many.
            sampling: How tokens are drawn.
            stop: Texts before which to stop; they are not part of the result.
            alternatives: How many probable tokens to name at each place.
        """
        self.network, self.end_token, self.sampling = network, end_token, sampling
        self.unread = prompt
        self.past: Past | None = None
        self.stream, self.stop = TextStream(pieces), [text for text in stop if text]
        self.max_tokens, self.alternatives = max_tokens, alternatives
        self.chance = np.random.default_rng(sampling.seed)
        self.written = 0
        self.held = ""  # the end of the text, where a stop text may have begun

    def advance(self) -> Drawn | None:
        """Take a step; returns a token, or None while the prompt is being read."""
        now, self.unread = self.unread[:PIECE], self.unread[PIECE:]
        logits, self.past = self.network.step(now, self.past)
        if len(self.unread):
            return None
        logprobs = log_probabilities(logits)
        # Ties are broken by the number of the token, so that equal logits give equal texts on every machine.
        order = np.argsort(-logprobs, kind="stable")
        token = draw(logprobs, order, self.sampling, self.chance)
        self.written += 1
        self.unread = np.array([token], dtype=np.int64)
        named = [(int(each), float(logprobs[each])) for each in order[: self.alternatives]]
        text, finished = self.with_text_of(token)
        return Drawn(token, text, float(logprobs[token]), named, finished)

    def rest(self) -> Iterator[Drawn]:
        """Yield the tokens that are still to come."""
        finished = None
        while finished is None:
            drawn = self.advance()
            if drawn is not None:
                yield drawn
                finished = drawn.finished

    def with_text_of(self, token: int) -> tuple[str, str | None]:
        """Return what can be shown after a token, and why the text ends, if it does."""
        if token == self.end_token:
            return self.held + self.stream.rest(), "stop"
        text = self.held + self.stream.add(token)
        last = self.written >= self.max_tokens
        if last:
            text += self.stream.rest()
        found = [place for place in (text.find(each) for each in self.stop) if place >= 0]
        if found:
            return text[: min(found)], "stop"
        if last:
            return text, "length"
        held = max((begun(text, each) for each in self.stop), default=0)
        self.held = text[len(text) - held :]
        return text[: len(text) - held], None


def begun(text: str, stop: str) -> int:
    """Return how many characters at the end of a text are the beginning of a stop text."""
    longest = min(len(text), len(stop) - 1)
    return next((length for length in range(longest, 0, -1) if text.endswith(stop[:length])), 0)
