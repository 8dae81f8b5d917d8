# /// script
# requires-python = ">=3.11"
# dependencies = ["mlflow>=3.17,<4", "scikit-learn>=1.9,<2", "skops>=0.16,<1", "pandas>=3.1,<4"]
# ///
"""MLflow's own server on the model that training logged, in an environment that is already there."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    # MLflow starts uvicorn through a shell, which must find the one of this environment.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["models", "serve", "--model-uri", os.environ["MLFLOW_MODEL"], "--env-manager", "local"]
    where = ["--host", "127.0.0.1", "--port", os.environ["PORT"], "--workers", "1"]
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", *command, *where])  # noqa: S606
