"""Metrics of the texts that are written, for `GET /metrics`. `engine.py` notes them."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
RATES = (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500)


class Observer:
    """Counts tokens and measures how fast they come."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.first_token = Histogram(
            "generation_time_to_first_token_seconds",
            "From the request to its first token, waiting included",
            buckets=SECONDS,
            registry=registry,
        )
        self.rate = Histogram(
            "generation_tokens_per_second",
            "Tokens of a text by the time from its first to its last",
            buckets=RATES,
            registry=registry,
        )
        self.tokens = Counter("generation_tokens", "Tokens written", registry=registry)
        self.prompt_tokens = Counter("generation_prompt_tokens", "Tokens of prompts", registry=registry)
        self.finished = Counter("generation_finished", "Texts by why they ended", ["reason"], registry=registry)
        for reason in ("stop", "length", "disconnect", "error"):  # shown as 0 before the first
            self.finished.labels(reason)
        self.refused = Counter("generation_refused", "Texts refused because too many wait", registry=registry)
        self.active = Gauge("generation_active", "Texts being written now", registry=registry)
        self.waiting = Gauge("generation_waiting", "Texts that wait for their turn", registry=registry)


class Watch:
    """Measures one text. The engine's thread notes its tokens when they are made, however late a client takes them."""

    def __init__(self, observer: Observer, prompt_tokens: int) -> None:
        self.observer = observer
        self.started = self.first = self.last = time.perf_counter()
        self.tokens = 0
        self.reason = "disconnect"  # unless something else is noted before the end
        observer.prompt_tokens.inc(prompt_tokens)

    def token(self, finished: str | None) -> None:
        """Note that a token has been made, and why it is the last one, if it is."""
        self.last = time.perf_counter()
        self.tokens += 1
        self.observer.tokens.inc()
        if self.tokens == 1:
            self.first = self.last
            self.observer.first_token.observe(self.first - self.started)
        if finished is not None:
            self.reason = finished

    def end(self) -> None:
        """Note that the text has ended."""
        self.observer.finished.labels(self.reason).inc()
        if self.last > self.first:
            self.observer.rate.observe((self.tokens - 1) / (self.last - self.first))
