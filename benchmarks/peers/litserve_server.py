# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "litserve>=0.2.17,<0.3", "onnxruntime>=1.32,<2", "scikit-learn>=1.9,<2", "skops>=0.16,<1", "pandas>=3.1,<4",
# ]
# ///
"""LitServe with one worker. BATCH=32 lets it put up to 32 waiting requests into one call of the model."""

import os
from typing import Any

import litserve as ls
from model import load

BATCH = int(os.environ["BATCH"])


class HousePrices(ls.LitAPI):
    """A request holds rows; a batch holds requests."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Load the model in the worker process."""
        self.regressor = load()

    def decode_request(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Take the rows out of the request."""
        rows: list[dict[str, Any]] = request["rows"]
        return rows

    def predict(self, inputs: Any) -> list[Any]:
        """Predict one request, or, in a batch, the rows of all its requests at once."""
        if BATCH == 1:
            return self.regressor.predict(inputs)
        predictions = iter(self.regressor.predict([row for rows in inputs for row in rows]))
        return [[next(predictions) for _ in rows] for rows in inputs]

    def encode_response(self, output: list[float]) -> dict[str, Any]:
        """Answer the predictions of a request."""
        return {"predictions": output}


if __name__ == "__main__":
    # Two milliseconds is about one call of the model: waiting longer would only cost latency.
    api = HousePrices(max_batch_size=BATCH, batch_timeout=0.002 if BATCH > 1 else 0.0)
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(os.environ["PORT"]), num_api_servers=1, generate_client_file=False)
