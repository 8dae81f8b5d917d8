"""A copy of the project in which a replay may retrain: your own params.yaml, data and models stay as they are."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path("build/replay")
TRACKED = ("params.yaml", "dvc.yaml", "dvc.lock", "schema.yaml")
COPIED = (*TRACKED, "src", "data", "models", "reports", ".dvc", "pyproject.toml")


class Workspace:
    """The copy.

    Attributes:
        folder: Where it lies.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder

    @classmethod
    def made(cls, folder: Path = FOLDER) -> "Workspace":
        """Copy the project as it is now.

        Raises:
            SystemExit: If there is no trained model.
        """
        if not Path("models/champion/model.json").exists() or not Path("dvc.lock").exists():
            raise SystemExit("error: there is no model yet: run `uv run poe train` first")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in COPIED:
            source = Path(name)
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("cache", "tmp", "__pycache__"))
            elif source.exists():
                shutil.copyfile(source, folder / name)
        workspace = cls(folder)
        git = ["git", "-c", "user.name=replay", "-c", "user.email=replay@localhost"]
        workspace.run("git", "init", "--quiet")
        workspace.run(*git, "add", *TRACKED)
        workspace.run(*git, "commit", "--quiet", "-m", "Before the replay")
        workspace.dvc("cache", "dir", "--local", str(Path(".dvc/cache").resolve()))
        return workspace

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of processes in the copy: their record and experiments stay there, too."""
        local = {"DATABASE_URL": "sqlite:///monitoring.db", "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}
        return {**os.environ, **local, **more}

    def run(self, *command: str) -> str:
        """Run a command in the copy; returns what it prints.

        Raises:
            SystemExit: If it fails; the message is what it said.
        """
        done = subprocess.run(  # noqa: S603
            command, cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"error: {' '.join(command)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout

    def module(self, name: str, *arguments: str) -> str:
        """Run a module of the project in the copy."""
        return self.run(sys.executable, "-m", f"{__package__}.{name}", *arguments)

    def dvc(self, *arguments: str) -> str:
        """Run DVC in the copy."""
        return self.run(sys.executable, "-m", "dvc", *arguments)

    def serve(self, port: int) -> "subprocess.Popen[bytes]":
        """Start the service in the copy."""
        environment = self.environment(
            PORT=str(port), HOST="127.0.0.1", ACCESS_LOG="false", RELOAD_SECONDS="0.2", LOG_LEVEL="warning", API_KEY=""
        )
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", f"{__package__}.serve"], cwd=self.folder, env=environment
        )
