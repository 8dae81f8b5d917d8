"""The package of this project. Start reading at `train.py` (how the model is made) or `api.py` (how it is served)."""

import os

# ONNX Runtime reports its use to its maker, unless it is told not to before it is loaded (its `Privacy.md`).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
