"""A rendered project on disk: run its commands, change its parameters, serve it, copy it."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .service import Service

# Long enough for any step on a busy machine; no test asserts a time.
PATIENCE_SECONDS = 900
# A run of seconds instead of a minute, for tests that are about something else than the model's quality.
TABLE_QUICK = {
    "train.search.candidates": 1,
    "train.search.folds": 2,
    "train.search.space": {"max_iter": [40], "learning_rate": [0.1]},
    "evaluate.bootstrap_samples": 100,
    "evaluate.importance_repeats": 1,
}
QUICK = {
    "tabular_regression": TABLE_QUICK | {"train.target_scale": "linear"},
    "feature_classification": TABLE_QUICK,
    "monitored_service": TABLE_QUICK,
    "image_classifier": {"data.per_class": 200, "model.width": 8, "train.epochs": 1, "evaluate.bootstrap_samples": 100},
    "text_generation": {
        "data.documents": 12,
        "model.width": 32,
        "model.layers": 1,
        "model.heads": 2,
        "train.rounds": 1,
        "train.round_steps": 20,
        "train.validation_tokens": 2000,
        "evaluate.tokens": 4000,
        "evaluate.samples": 2,
        "evaluate.sample_tokens": 40,
        "evaluate.bootstrap_samples": 100,
    },
    "rag": {"data.include": ["faq/*"], "evaluate.answers": 2, "evaluate.bootstrap_samples": 100},
}
# Where all of the data take too long for a test, the first run is one on a part of them: 1000 training and 1000 test
# images of each class, for as many epochs as beat the baselines beyond doubt; 40 addresses, for two minutes;
# half of the documents, whose embedding takes a minute. All flights are used, with a shorter search.
FIRST_RUN: dict[str, dict[str, Any]] = {
    "feature_classification": {
        "train.search.candidates": 2,
        "train.search.space": {"max_iter": [40], "learning_rate": [0.2], "max_leaf_nodes": [15, 31]},
    },
    "image_classifier": {"data.per_class": 1000, "model.width": 32, "train.epochs": 4},
    "text_generation": {
        "data.documents": 40,
        "model.width": 128,
        "model.layers": 2,
        "train.rounds": 3,
        "train.round_steps": 200,
    },
    "rag": {"data.include": ["faq/*", "tutorial/*"], "evaluate.answers": 10},
}
# The version of the PyTorch wheels that a machine without PyTorch's own index may have.
HELD_TORCH = "torch==2.13.0"
# A longer table is thinned out to about so many rows for such a run.
QUICK_ROWS = 12_000


def comparable(answer: Any) -> Any:
    """An answer without what differs from call to call: how long it took."""
    return {key: value for key, value in answer.items() if key != "timings"}


@dataclass(frozen=True)
class Project:
    """A project's folder and the environment that runs it (copies share the environment of the original)."""

    path: Path
    package: str
    environment: Path
    variables: dict[str, str]

    @property
    def stage(self) -> str:
        """The stage that the project was made for."""
        return str(self.read_yaml(".copier-answers.yml")["stage"])

    @property
    def holds_torch(self) -> bool:
        """Whether PyTorch comes from wheels on this machine instead of an index."""
        return "UV_FIND_LINKS" in self.variables and '"torch>' in (self.path / "pyproject.toml").read_text("utf-8")

    @property
    def source(self) -> Path:
        """Folder of the package."""
        return self.path / "src" / self.package

    @property
    def champion(self) -> Path:
        """Folder of the model in service."""
        return self.path / "models" / "champion"

    def read_json(self, name: str) -> Any:
        """Read one of the project's JSON files."""
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    def read_yaml(self, name: str) -> Any:
        """Read one of the project's YAML files."""
        return yaml.safe_load((self.path / name).read_text(encoding="utf-8"))

    def example(self) -> Any:
        """Request body that travels with the model."""
        return self.read_json("models/champion/example.json")

    def memory_limit(self) -> str:
        """How much memory compose.yaml grants the service."""
        return str(self.read_yaml("compose.yaml")["services"]["service"]["mem_limit"])

    def settings(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        """Return the environment variables of a command: the environment on PATH, and this copy's package first."""
        programs = os.pathsep.join([str(self.environment / "bin"), self.variables["PATH"]])
        mine = {"PATH": programs, "VIRTUAL_ENV": str(self.environment), "PYTHONPATH": str(self.path / "src")}
        return self.variables | mine | (extra or {})

    def start(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command in the project's folder, in a process group of its own."""
        variables = self.settings(options.pop("variables", None))
        return subprocess.Popen(command, cwd=self.path, env=variables, text=True, process_group=0, **options)

    def run(self, *command: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; unless `check` is off, its failure fails the test and shows what it printed."""
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self.settings(variables),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"{' '.join(command)[:200]}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def python(self, code: str) -> Any:
        """Run Python code in the project's environment; it prints JSON on its last line, which is returned."""
        printed = self.run("python", "-c", code).stdout.strip().splitlines()
        return json.loads(printed[-1])

    def train(self, *, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the pipeline as its owner does."""
        return self.run("poe", "train", check=check, **variables)

    def stale_stages(self) -> set[str]:
        """Names of the pipeline stages that DVC would run again."""
        return set(json.loads(self.run("dvc", "status", "--json").stdout))

    def lock_for_the_image(self, uv: str) -> None:
        """Lock from the registry alone: wheels of this machine, and PyTorch's own index, cannot be reached in a build.

        The image holds no PyTorch, so that the lock file's other packages are those of the project.
        """
        if not self.holds_torch:
            return
        pyproject = self.path / "pyproject.toml"
        table = pyproject.read_text(encoding="utf-8")
        sources = re.search(r"\n\[tool\.uv\.sources\].*?(?=\n\[build-system\])", table, re.DOTALL)
        assert sources, "the project names the index of PyTorch"
        pyproject.write_text(table.replace(sources[0], ""), encoding="utf-8")
        plain = {
            name: value for name, value in self.variables.items() if name not in {"UV_FIND_LINKS", "UV_NO_SOURCES"}
        }
        subprocess.run([uv, "lock", "--quiet", "--upgrade-package", HELD_TORCH], cwd=self.path, env=plain, check=True)

    def change_params(self, changes: dict[str, Any]) -> None:
        """Change entries of params.yaml, addressed as in `train.search.folds`."""
        params = self.read_yaml("params.yaml")
        for dotted, value in changes.items():
            *sections, name = dotted.split(".")
            section = params
            for key in sections:
                section = section[key]
            section[name] = value
        (self.path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")

    def shrink(self) -> None:
        """Thin the raw table out, if it is long: every n-th row stays, so that all of the time is there."""
        path = self.path / self.read_yaml("params.yaml")["data"]["path"]
        if path.is_dir():  # images, texts: `QUICK` says how many
            return
        header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
        step = len(rows) // QUICK_ROWS
        if step > 1:
            path.unlink()  # it may be a link into DVC's cache
            path.write_text("".join([header, *rows[::step]]), encoding="utf-8", newline="")

    @contextmanager
    def serve(self, **settings: str) -> Iterator[Service]:
        """Run the service on a free port for the length of a `with` block."""
        with self.serve_by("python", "-m", f"{self.package}.serve", **settings) as service:
            yield service

    @contextmanager
    def serve_by(self, *command: str, **settings: str) -> Iterator[Service]:
        """Run a command that serves, for the length of a `with` block."""
        log = self.path / "service.log"
        with log.open("w", encoding="utf-8") as output:
            variables = {"PORT": "0", "PYTHONUNBUFFERED": "1", **settings}
            process = self.start(*command, variables=variables, stdout=output, stderr=subprocess.STDOUT)
            service = Service(process, log)
            try:
                service.wait_until_listening()
                yield service
            finally:
                service.kill()

    def ci_commands(self) -> list[str]:
        """Every command of the job that checks each push, as the workflow gives it to a shell."""
        steps = self.read_yaml(".github/workflows/ci.yml")["jobs"]["check"]["steps"]
        return [step["run"] for step in steps if "run" in step]

    def copy_to(self, destination: Path) -> "Project":
        """Copy the project with its data, models and runs; the copy shares the installed packages."""
        skipped = shutil.ignore_patterns(".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache")
        shutil.copytree(self.path, destination, ignore=skipped, symlinks=True)
        database = destination / "mlflow.db"
        if database.exists():
            move_artifacts(database, self.path, destination)
        return Project(destination, self.package, self.environment, self.variables)


# MLflow stores absolute paths, so that a copied database would write into the folder it was copied from.
ARTIFACT_PATHS = {
    "experiments": ["artifact_location"],
    "runs": ["artifact_uri"],
    "logged_models": ["artifact_location"],
    "model_versions": ["source", "storage_location"],
}


def move_artifacts(database: Path, old: Path, new: Path) -> None:
    """Rewrite the folder of the artifacts in a copied MLflow database."""
    connection = sqlite3.connect(database)
    with connection:
        for table, columns in ARTIFACT_PATHS.items():
            for column in columns:
                statement = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"  # noqa: S608 - names from above
                connection.execute(statement, (str(old), str(new)))
    connection.close()
