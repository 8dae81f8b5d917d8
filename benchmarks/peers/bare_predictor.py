"""The project's own predictor behind plain FastAPI: no check of a row, no metric, no drift counter, no record.

Runs in the environment of the project. A row is taken as it comes; only times are read, as the model needs them.
"""

import json
import os
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request

predictor: Any = import_module(f"{os.environ['PACKAGE']}.predict").Predictor.load(Path(os.environ["MODEL_DIR"]))
TIMES = [column.name for column in predictor.card.columns if column.kind == "time"]
app = FastAPI()


@app.post("/predict")
async def predict(request: Request) -> Any:
    """Predict rows."""
    rows = json.loads(await request.body())["rows"]
    for row in rows:
        for name in TIMES:
            row[name] = datetime.fromisoformat(row[name])
    return predictor.header() | {"predictions": predictor.predict(rows)}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False)
