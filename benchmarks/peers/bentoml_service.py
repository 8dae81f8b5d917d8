# /// script
# requires-python = ">=3.11"
# dependencies = ["bentoml>=1.4,<1.5", "scikit-learn>=1.9,<2", "skops>=0.16,<1", "pandas>=3.1,<4"]
# ///
"""BentoML with one worker: a table comes in, predictions go out.

BATCHING=on lets it put waiting requests into one call of the model. They then come as lists, because its batching
fails on tables (1.4.39 takes their shape for their length).
"""

import os
import sys
from pathlib import Path
from typing import Any

import bentoml
import pandas as pd
from model import SklearnModel

BATCHING = os.environ["BATCHING"] == "on"
Rows = list[dict[str, Any]] if BATCHING else pd.DataFrame


@bentoml.service(workers=1)
class HousePrices:
    """Predicts house prices."""

    def __init__(self) -> None:
        self.model = SklearnModel()

    @bentoml.api(batchable=BATCHING, max_batch_size=1000)
    def predict(self, rows: Rows) -> list[float]:  # type: ignore[valid-type]
        """Predict rows."""
        return self.model.predict(rows)


if __name__ == "__main__":
    folder = str(Path(__file__).parent)
    command = ["serve", "bentoml_service:HousePrices", "--working-dir", folder, "--host", "127.0.0.1"]
    os.execv(sys.executable, [sys.executable, "-m", "bentoml", *command, "--port", os.environ["PORT"]])  # noqa: S606
