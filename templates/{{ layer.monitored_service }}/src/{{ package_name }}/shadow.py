"""Shadow mode: a challenger predicts what the champion is asked, and nobody sees its answers but the record.

It works behind the answer, in a thread of its own: however slow it is, clients do not wait for it. What it cannot keep
up with it leaves out.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Counter

from .predict import Predictor

MOST_WAITING = 64  # requests

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shadowed:
    """A request that was answered by the champion.

    Attributes:
        request_id: Its id.
        rows: What was asked.
        decisions: What the champion decided for each row.
    """

    request_id: str
    rows: Sequence[dict[str, Any]]
    decisions: Sequence[str]


# Takes the request, the challenger's answers, its version, and the seconds that it took.
Record = Callable[[Shadowed, list[dict[str, Any]], str, float], None]


class Shadow:
    """Runs the challenger, while there is one."""

    def __init__(self, record: Record, registry: CollectorRegistry) -> None:
        self.record = record
        self.challenger: Predictor | None = None
        self.waiting: queue.Queue[Shadowed | None] = queue.Queue(MOST_WAITING)
        self.predictions = Counter("shadow_predictions", "Rows that the challenger predicted", registry=registry)
        self.disagreements = Counter(
            "shadow_disagreements", "Rows that the challenger decides otherwise", registry=registry
        )
        self.left_out = Counter("shadow_left_out", "Rows that the challenger had no time for", registry=registry)
        self.failures = Counter("shadow_failures", "Requests at which the challenger failed", registry=registry)
        self.thread = threading.Thread(target=self.work, name="shadow", daemon=True)
        self.thread.start()

    def put(self, request: Shadowed) -> None:
        """Hand over a request; returns at once."""
        if self.challenger is None:
            return
        try:
            self.waiting.put_nowait(request)
        except queue.Full:
            self.left_out.inc(len(request.rows))

    def work(self) -> None:
        """Predict what comes, until the service ends."""
        while (request := self.waiting.get()) is not None:
            challenger = self.challenger
            if challenger is None:
                continue
            started = time.perf_counter()
            try:
                answers = challenger.predict(request.rows, reasons=0)
            except Exception:  # a challenger may fail in any way, and the service goes on
                self.failures.inc()
                logger.exception("the challenger %s failed", challenger.card.version)
                continue
            pairs = zip(answers, request.decisions, strict=True)
            self.predictions.inc(len(answers))
            self.disagreements.inc(sum(answer["decision"] != decision for answer, decision in pairs))
            self.record(request, answers, challenger.card.version, time.perf_counter() - started)

    def close(self) -> None:
        """End the thread, after what it has accepted."""
        self.waiting.put(None)
        self.thread.join(timeout=10)
