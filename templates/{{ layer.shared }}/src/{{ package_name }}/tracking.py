"""Experiment tracking with MLflow: where runs go, and what every run records.

`uv run poe mlflow` opens the browser interface. The service never imports this module's MLflow.
"""

import logging
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from .settings import Settings

PROJECT = __package__ or ""


def connect() -> Any:
    """Import MLflow, point it at the tracking store, and return the module.

    The import takes two seconds, so it happens here and not at the top of every module.

    Raises:
        SystemExit: If a tracking server is configured and does not answer.
    """
    uri = Settings().mlflow_tracking_uri
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # MLflow's default is to retry for several minutes: a learner would think that the program hangs.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    import mlflow

    # Its progress notes would bury the results; and uv's environments hold no pip, which it remarks each time.
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    mlflow.set_tracking_uri(uri)
    try:
        mlflow.set_experiment(PROJECT)
    except mlflow.exceptions.MlflowException as error:
        raise SystemExit(
            f"MLflow at {uri} does not answer: {error}\n"
            "Start it, or remove MLFLOW_TRACKING_URI from your environment and .env to use a local file."
        ) from error
    return mlflow


@contextmanager
def run(run_id: str | None = None) -> Iterator[Any]:
    """Open a new run, or go on with an earlier one; yields the MLflow module.

    A run that no longer exists (a deleted database, results restored by DVC) is replaced by a new one.
    """
    mlflow = connect()
    if run_id is not None:
        try:
            mlflow.get_run(run_id)
        except mlflow.exceptions.MlflowException:
            run_id = None
    with mlflow.start_run(run_id=run_id):
        yield mlflow


def git_commit() -> str:
    """Return the commit that is checked out (with `-dirty` if tracked files changed), or `unknown`."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()


def locked_outputs(lock: Path) -> dict[str, list[dict[str, Any]]]:
    """Return what dvc.lock notes of the outputs of each pipeline stage; nothing before the first run."""
    content = yaml.safe_load(lock.read_text(encoding="utf-8")) if lock.exists() else None
    stages = content.get("stages", {}) if isinstance(content, dict) else {}
    return {name: stage.get("outs", []) for name, stage in stages.items()}


def data_hash(path: str, lock: Path = Path("dvc.lock")) -> str:
    """Return the MD5 that DVC recorded for a file of the pipeline, or `unknown` before the first run."""
    outputs = [out for outs in locked_outputs(lock).values() for out in outs]
    return next((out["md5"] for out in outputs if out["path"] == path), "unknown")


def raw_data(lock: Path = Path("dvc.lock")) -> dict[str, str]:
    """Return the MD5 of the files and folders that the pipeline begins with; nothing before the first run."""
    outputs = locked_outputs(lock).get("data", [])
    return {out["path"]: out["md5"] for out in outputs if out["path"].startswith("data/")}


def origin(run_id: str, logged_as: str, data_path: str) -> dict[str, str]:
    """Say where a model comes from: its run, code and data.

    Args:
        run_id: The run that trained it.
        logged_as: The address of the logged model.
        data_path: The file or folder of the pipeline that holds the data.
    """
    return {
        "run_id": run_id,
        "logged_as": logged_as,
        "git_commit": git_commit(),
        "data_md5": data_hash(data_path),
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def register(mlflow: Any, model_uri: str, tags: dict[str, str]) -> str | None:
    """Register a logged model under the project's name, once; returns its version.

    Returns None where the model is not in this store, because the database was deleted after training.
    """
    known = mlflow.MlflowClient().search_model_versions(f"name = '{PROJECT}'")
    for registered in known:
        if registered.tags.get("logged_as") == model_uri:
            return str(registered.version)
    try:
        tags = tags | {"logged_as": model_uri}
        return str(mlflow.register_model(model_uri, PROJECT, tags=tags).version)
    except mlflow.exceptions.MlflowException:
        return None


def pinned(packages: Iterable[str]) -> list[str]:
    """Return requirements with the versions that are installed here."""
    return [f"{package}=={version(package)}" for package in packages]


def main() -> None:
    """Start MLflow's browser interface on the store of this project."""
    uri = Settings().mlflow_tracking_uri
    if uri.startswith("http"):
        raise SystemExit(f"The experiments are on a server: open {uri} in a browser.")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    raise SystemExit(subprocess.call([*command, "--port", "5000"]))  # noqa: S603


if __name__ == "__main__":
    main()
