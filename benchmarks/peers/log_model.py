"""Log the trained model of a project once and print the seconds; run inside the project by first_prediction.py.

The argument says where MLflow gets the packages from that the model needs: `named` or `inferred`.
"""

import json
import sys
import time
from pathlib import Path

import mlflow
import skops.io
from sklearn.base import BaseEstimator

TRUSTED_TYPES = ["numpy.dtype", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]


def main() -> None:
    """Log the model into a database of its own."""
    folder = Path("build/log_model").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    if mlflow.get_experiment_by_name("benchmark") is None:
        mlflow.create_experiment("benchmark", artifact_location=(folder / "artifacts").as_uri())
    mlflow.set_experiment("benchmark")
    model: BaseEstimator = skops.io.load("models/candidate/model.skops", trusted=TRUSTED_TYPES)
    requirements = ["scikit-learn", "skops", "pandas", "numpy"] if sys.argv[1] == "named" else None
    with mlflow.start_run():
        started = time.perf_counter()
        mlflow.sklearn.log_model(
            model,
            name="model",
            pip_requirements=requirements,
            serialization_format="skops",
            skops_trusted_types=TRUSTED_TYPES,
        )
        print(json.dumps({"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
