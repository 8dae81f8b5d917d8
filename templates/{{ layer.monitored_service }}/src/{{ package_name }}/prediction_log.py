"""The log of predictions: the service hands over each answered request and goes on; a thread writes them to the store.

`put` is called for each request and `close` at the end. A store that is slow or down costs no request anything: what
was answered waits in memory, up to a limit. What is over the limit is lost, and `/metrics` counts it.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge

from .store import LoggedRequest, Role, Store, now

# Between two attempts to reach a store that is down: twice as long each time.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
# While the log is being closed, there is no time for long pauses.
LAST_PAUSE = 0.05

logger = logging.getLogger(__name__)


class PredictionLog:
    """A queue with a thread that empties it. The thread starts with the first request.

    Args:
        store: Where requests are kept, or its URL.
        registry: Where metrics are collected.
        capacity_rows: How many predictions may wait in memory; a thousand of them take up to a megabyte.
        batch_rows: So many are written in one transaction, or somewhat more.
        interval_seconds: Fewer than a batch are written after this time.
    """

    def __init__(
        self,
        store: Store | str,
        registry: CollectorRegistry,
        capacity_rows: int = 100_000,
        batch_rows: int = 2000,
        interval_seconds: float = 0.5,
    ) -> None:
        self.store = Store.at(store)
        self._own = self.store is not store
        self.capacity_rows = capacity_rows
        self.batch_rows = batch_rows
        self.interval_seconds = interval_seconds
        self._queue: deque[LoggedRequest] = deque()
        self._rows = 0  # in the queue or being written
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._end = float("inf")
        self._thread: threading.Thread | None = None
        self._store_is_up = True
        queued = Gauge("prediction_log_queued_rows", "Predictions that wait to be written", registry=registry)
        queued.set_function(lambda: self._rows)
        self._written = Counter("prediction_log_written_rows", "Predictions written to the store", registry=registry)
        self._dropped = Counter(
            "prediction_log_dropped_rows", "Predictions lost: no room, or refused", registry=registry
        )
        self._failures = Counter("prediction_log_failures", "Attempts to write that failed", registry=registry)
        self._up = Gauge("prediction_log_store_up", "1 unless the last attempt to write failed", registry=registry)
        self._up.set(1)

    def put(self, request: LoggedRequest) -> None:
        """Take a request to be written soon. This never waits and never fails; what is too much is counted."""
        with self._lock:
            accepted = not self._closing.is_set() and self._rows + request.rows <= self.capacity_rows
            if accepted:
                self._queue.append(request)
                self._rows += request.rows
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
                    self._thread.start()
        if not accepted:
            self._dropped.inc(request.rows)
        elif self._rows >= self.batch_rows:
            self._wake.set()

    def close(self, timeout: float) -> None:
        """Write what is left; what the store does not take within `timeout` seconds is lost, and counted."""
        with self._lock:
            self._end = time.monotonic() + timeout
            self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)
        with self._lock:
            lost, self._rows = self._rows, 0
            self._queue.clear()
        if lost:
            self._dropped.inc(lost)
            logger.error("%d predictions are not in the store: it did not take them in %g seconds", lost, timeout)
        if self._own:
            self.store.close()

    # ---------------------------------------------------------------- the thread

    def _run(self) -> None:
        """Write batch after batch until the log is closed and nothing is left."""
        while not self._closing.is_set():
            self._wake.wait(self.interval_seconds)
            self._wake.clear()
            while batch := self._take():
                if not self._write(batch):
                    return

    def _take(self) -> list[LoggedRequest]:
        """Take the next batch out of the queue; its rows count as queued until they are written."""
        batch: list[LoggedRequest] = []
        rows = 0
        with self._lock:
            while self._queue and rows < self.batch_rows:
                batch.append(self._queue.popleft())
                rows += batch[-1].rows
        return batch

    def _write(self, batch: Sequence[LoggedRequest]) -> bool:
        """Write a batch, however long it takes; False if the log had to be closed before."""
        pause = SHORTEST_PAUSE
        while True:
            try:
                self.store.add_requests(batch)
            except OSError as error:
                self._note_failure(error)
                if not self._wait(pause):
                    return False
                pause = min(2 * pause, LONGEST_PAUSE)
            except Exception as error:
                # One request that the store will never take must not keep the others out for ever.
                if len(batch) > 1:
                    return all(self._write([request]) for request in batch)
                self._failures.inc()
                logger.error("request %s cannot be logged: %s", batch[0].request_id, error)
                return self._settle(batch, self._dropped)
            else:
                self._note_success()
                return self._settle(batch, self._written)

    def _wait(self, pause: float) -> bool:
        """Wait until the next attempt; False if there is to be none."""
        if self._closing.wait(pause):
            time.sleep(LAST_PAUSE)
        return time.monotonic() < self._end

    def _settle(self, batch: Sequence[LoggedRequest], counter: Counter) -> bool:
        """Count a batch that waits no longer."""
        rows = sum(request.rows for request in batch)
        with self._lock:
            self._rows = max(0, self._rows - rows)
        counter.inc(rows)
        return True

    def _note_failure(self, error: OSError) -> None:
        """Count a failure; the first of several goes to the log of the service."""
        self._failures.inc()
        if self._store_is_up:
            logger.error("predictions are kept in memory: %s", error)
        self._store_is_up = False
        self._up.set(0)

    def _note_success(self) -> None:
        """Note that the store answers."""
        if not self._store_is_up:
            logger.warning("the store of predictions answers again")
        self._store_is_up = True
        self._up.set(1)


def logged(
    request_id: str,
    rows: Sequence[Mapping[str, Any]],
    answers: Sequence[Mapping[str, Any]],
    *,
    model_version: str,
    seconds: float,
    time_column: str | None,
    role: Role = "champion",
) -> LoggedRequest:
    """Describe an answered request as the store keeps it.

    Args:
        request_id: Unique.
        rows: Values by column, as they were asked.
        answers: For each row at least `probability` and `decision`.
        model_version: Of the model that answered.
        seconds: How long the answer took.
        time_column: The column with the time of the event; without one, or where it is missing, it happens now.
        role: Whether this answer was given or only noted.
    """
    received_at = now()
    times: list[datetime] = []
    if time_column is not None:
        times = [row[time_column] for row in rows if row[time_column] is not None]
    if not times:
        times = [received_at.replace(tzinfo=None)]
    return LoggedRequest(
        request_id=request_id,
        received_at=received_at,
        model_version=model_version,
        role=role,
        latency_ms=1000 * seconds,
        rows=len(rows),
        first_event=min(times),
        last_event=max(times),
        features=orjson.dumps(rows).decode(),
        answers=orjson.dumps([answer["probability"] for answer in answers]).decode(),
        decisions=orjson.dumps([answer["decision"] for answer in answers]).decode(),
    )
