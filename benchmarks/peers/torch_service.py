"""Plain FastAPI around the same network in PyTorch, as most tutorials serve one. It runs in the project's environment.

PORT=8000 python torch_service.py PROJECT PACKAGE
"""

import base64
import importlib
import os
import sys
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

project, package = sys.argv[1:3]
os.chdir(project)


def module(name: str) -> Any:
    """Import a module of the project."""
    return importlib.import_module(f"{package}.{name}")


class Body(BaseModel):
    """An image in base64."""

    image: str


params = module("params").load_params()
test = module("dataset").load_part("test")
model, classes = module("evaluate").trained_model(params, test), test.classes
read_image, as_tensor = module("images").read_image, module("batches").as_tensor
app = FastAPI()


@app.post("/predict")
def predict(body: Body) -> dict[str, Any]:
    """Classify an image."""
    image = read_image(base64.b64decode(body.image), params.data.size, params.data.channels)
    with torch.inference_mode():
        chances = model(as_tensor(image[None])).softmax(1)[0]
    best = chances.topk(5)
    return {"predictions": [{"label": classes[int(i)], "probability": float(chances[i])} for i in best.indices]}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False)
