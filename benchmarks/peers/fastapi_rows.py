# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "fastapi>=0.165,<1", "uvicorn>=0.54,<1", "uvloop>=0.22,<1; sys_platform != 'win32'", "httptools>=0.7,<1",
#   "onnxruntime>=1.32,<2", "scikit-learn>=1.9,<2", "skops>=0.16,<1", "pandas>=3.1,<4",
# ]
# ///
"""Plain FastAPI, as most tutorials serve a model: pydantic rows, a `def` endpoint, no limits and no metrics."""

import os

import uvicorn
from fastapi import FastAPI
from model import load, row_model
from pydantic import BaseModel

Row = row_model()


class Rows(BaseModel):
    """Body of a request."""

    rows: list[Row]  # type: ignore[valid-type]


class Answer(BaseModel):
    """One prediction for each row."""

    predictions: list[float]


app = FastAPI()
model = load()


@app.post("/predict")
def predict(body: Rows) -> Answer:
    """Predict rows."""
    return Answer(predictions=model.predict([row.model_dump() for row in body.rows]))


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False)
