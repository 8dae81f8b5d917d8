"""A client of the running service, for the replay: predictions go there, and outcomes follow."""

import time
from collections.abc import Callable, Iterator, Sequence
from threading import Event, Thread
from typing import Any

import httpx2

ROWS_A_CALL = 1000


def wait_until(holds: Callable[[], bool], problem: str, seconds: float = 30) -> None:
    """Wait until something is true.

    Raises:
        SystemExit: If it does not come true in time.
    """
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(f"error: {problem}")
        time.sleep(0.1)


class Client:
    """Talks to the service; an answer other than 200 is an error."""

    def __init__(self, port: int) -> None:
        self.http = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)

    def is_ready(self) -> bool:
        """Return whether the service answers, and has a model."""
        try:
            return self.http.get("/ready").status_code == 200
        except httpx2.TransportError:
            return False

    def predict(self, rows: Sequence[dict[str, Any]]) -> list[tuple[str, float]]:
        """Ask about rows; returns for each the id of its prediction and the probability."""
        found: list[tuple[str, float]] = []
        for part in parts(rows):
            answer = self.http.post("/predict", json={"rows": part, "reasons": 0})
            answer.raise_for_status()
            identity = answer.headers["x-request-id"]
            probabilities = [each["probability"] for each in answer.json()["predictions"]]
            found += [(f"{identity}-{place}", each) for place, each in enumerate(probabilities)]
        return found

    def tell(self, outcomes: Sequence[tuple[str, str]]) -> None:
        """Tell what came."""
        for part in parts(outcomes):
            body = {"outcomes": [{"prediction_id": identity, "outcome": outcome} for identity, outcome in part]}
            self.http.post("/feedback", json=body).raise_for_status()

    def version(self) -> str:
        """Return the version of the model in service."""
        answer = self.http.get("/model")
        answer.raise_for_status()
        return str(answer.json()["version"])


def parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut a list into what one call may hold."""
    for begin in range(0, len(items), ROWS_A_CALL):
        yield items[begin : begin + ROWS_A_CALL]


class Passengers:
    """Somebody who asks all the time: does any request fail while models change?

    Attributes:
        asked, failed: Requests so far, and those that were not answered with 200.
    """

    def __init__(self, port: int, row: dict[str, Any]) -> None:
        self.asked, self.failed = 0, 0
        self.ended = Event()
        self.thread = Thread(target=self.ask, args=(port, row), daemon=True)
        self.thread.start()

    def ask(self, port: int, row: dict[str, Any]) -> None:
        """Ask until the end, over one connection and over new ones."""
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            while not self.ended.is_set():
                self.asked += 1
                try:
                    self.failed += http.post("/explain", json=row).status_code != 200
                except httpx2.TransportError:
                    self.failed += 1
                time.sleep(0.05)

    def close(self) -> None:
        """Stop asking."""
        self.ended.set()
        self.thread.join(timeout=10)
