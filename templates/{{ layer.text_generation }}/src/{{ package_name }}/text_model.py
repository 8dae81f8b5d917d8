"""The loaded model as the routes use it: checks what is asked, and has it written (`engine.py`)."""

import math
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np
from fastapi import HTTPException, Request
from prometheus_client import CollectorRegistry

from .engine import BusyError, Engine
from .generation import Drawn, Sampling
from .observed import Observer
from .predict import Predictor
from .routes import refusal
from .schemas import Alternative, Generated, Usage, Written
from .settings import Settings
from .streaming import while_connected
from .tokenizer import Tokens


@dataclass(frozen=True)
class Order:
    """What is to be written, after all checks.

    Attributes:
        prompt: Tokens, shape (n,).
        max_tokens: At most.
        sampling: How tokens are drawn.
        stop: Texts before which to stop.
        alternatives: How many probable tokens to name.
    """

    prompt: Tokens
    max_tokens: int
    sampling: Sampling
    stop: list[str]
    alternatives: int


class TextModel:
    """A predictor, and the engine that runs it."""

    def __init__(self, predictor: Predictor, settings: Settings, registry: CollectorRegistry) -> None:
        self.predictor, self.settings = predictor, settings
        self.info = predictor.info
        self.engine = Engine(Observer(registry), settings.max_generations, settings.max_waiting)

    def close(self) -> None:
        """End the engine."""
        self.engine.close()

    def order(
        self,
        prompt: str | list[int],
        max_tokens: int | None,
        *,
        temperature: float,
        top_k: int,
        top_p: float,
        seed: int | None,
        stop: list[str],
        alternatives: int,
    ) -> Order:
        """Check a request against the model.

        Raises:
            RequestValidationError: If prompt and text do not fit into the network's window, or into the limits.
        """
        context, most = self.predictor.card.context, self.settings.max_new_tokens
        tokens = self.tokens_of(prompt)
        room = context - len(tokens)
        if room < 1:
            raise refusal(
                "prompt", f"the prompt has {len(tokens)} tokens; with at least one more the network sees {context}"
            )
        if max_tokens is not None and max_tokens > min(room, most):
            why = f"the prompt has {len(tokens)} tokens and the network sees {context}" if room < most else "the limit"
            raise refusal("max_tokens", f"at most {min(room, most)} are possible: {why}")
        return Order(
            tokens,
            min(room, most) if max_tokens is None else max_tokens,
            Sampling(temperature, top_k, top_p, secrets.randbits(31) if seed is None else seed),
            stop,
            alternatives,
        )

    def tokens_of(self, prompt: str | list[int]) -> Tokens:
        """Return the tokens of a prompt.

        Raises:
            RequestValidationError: If it holds half of a character, or a token that does not exist.
        """
        if isinstance(prompt, str):
            try:
                prompt.encode()
            except UnicodeEncodeError as error:
                raise refusal("prompt", "this text holds half of a character (a lone surrogate)") from error
            return self.predictor.encode(prompt)
        known = len(self.predictor.pieces)
        if not prompt or any(not 0 <= token < known for token in prompt):
            raise refusal("prompt", f"tokens are whole numbers from 0 to {known - 1}, at least one")
        return np.array(prompt, dtype=np.int64)

    async def write(self, order: Order) -> AsyncGenerator[Drawn]:
        """Yield the tokens of a text as they come.

        Raises:
            HTTPException: 503 if too many texts wait.
        """
        text = self.predictor.begin(
            order.prompt,
            max_tokens=order.max_tokens,
            sampling=order.sampling,
            stop=order.stop,
            alternatives=order.alternatives,
        )
        try:
            async with aclosing(self.engine.write(text)) as drawn:
                async for each in drawn:
                    yield each
        except BusyError as error:
            raise HTTPException(503, "Too many texts are waiting.", {"Retry-After": "1"}) from error

    async def whole(self, request: Request, order: Order) -> list[Drawn] | None:
        """Return all tokens of a text, or None if the client goes away before; raises as `write`."""

        async def all_tokens() -> list[Drawn]:
            return [each async for each in self.write(order)]

        return await while_connected(request, all_tokens)

    def written(self, drawn: Drawn) -> Written:
        """Describe a token."""
        named = [
            Alternative(text=self.shown(token), probability=probability_of(logprob))
            for token, logprob in drawn.alternatives
        ]
        return Written(text=drawn.text, probability=probability_of(drawn.logprob), alternatives=named)

    def shown(self, token: int) -> str:
        """Return a token's text for a person; the end of a document has none."""
        return self.predictor.pieces[token].decode(errors="replace")

    def generated(self, order: Order, tokens: list[Drawn]) -> Generated:
        """Describe a text that is complete."""
        return Generated(
            model_version=self.predictor.card.version,
            text="".join(each.text for each in tokens),
            finish_reason=tokens[-1].finished or "length",
            seed=order.sampling.seed,
            usage=Usage(prompt_tokens=len(order.prompt), completion_tokens=len(tokens)),
            tokens=[self.written(each) for each in tokens] if order.alternatives else [],
        )


def probability_of(logprob: float) -> float:
    """Return the probability of a logarithm."""
    return min(1.0, math.exp(logprob))
