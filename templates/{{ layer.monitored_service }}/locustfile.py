"""A load test: how many requests does the service answer, and how long do they take?

Start the service (`uv run poe serve`), then `uv run --group load poe load`; with `LOG_PREDICTIONS=false` at the service
you see what its record costs. Requests are copies of the one that travels with the model. API_KEY is sent if it is set.
"""

import json
import os
from pathlib import Path

from locust import FastHttpUser, constant, task

ROW = json.loads(Path("models/champion/example.json").read_text(encoding="utf-8"))["rows"][0]
HEADERS = {"Content-Type": "application/json"}
if os.environ.get("API_KEY"):
    HEADERS["X-API-Key"] = os.environ["API_KEY"]


class Client(FastHttpUser):
    """Sends its next request as soon as the last one is answered."""

    abstract = True
    host = "http://127.0.0.1:8000"
    wait_time = constant(0)
    rows: int

    def on_start(self) -> None:
        """Write the body once: the test shall measure the service, not itself."""
        self.body = json.dumps({"rows": [ROW] * self.rows})

    @task
    def predict(self) -> None:
        """Ask for predictions."""
        self.client.post("/predict", data=self.body, headers=HEADERS, name=f"/predict, rows: {self.rows}")


class OneRow(Client):
    """A page that asks about one row: all clients but one."""

    rows = 1


class ThousandRows(Client):
    """A job that asks about many rows at once."""

    rows = 1000
    fixed_count = 1
