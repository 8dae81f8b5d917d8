"""Fixtures: a template snapshot, a fresh project of each stage, and the same project after its first run."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import copier
import httpx
import pytest
import yaml
from needed import chromium
from once import make_once
from pairs import tried
from playwright.sync_api import Browser, sync_playwright

from .project import FIRST_RUN, HELD_TORCH, QUICK, Project
from .service import Service

TEMPLATE = Path(__file__).resolve().parents[2]
STAGES: dict[str, Any] = yaml.safe_load((TEMPLATE / "copier.yml").read_text(encoding="utf-8"))["stages"]["default"]
# Those whose project trains a model and serves it.
SERVICES = [key for key, spec in STAGES.items() if "service_verb" in spec]

# Headless, as root in a container, and without the browser's own connections to the network.
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of tests that are about some stages only."""
    config.addinivalue_line("markers", "stages(*keys, layer): run the test for these stages, or all with this layer")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test for every stage with a service, or for those that a `stages` marker names."""
    if "stage" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("stages")
        metafunc.parametrize("stage", stages_of(marker) if marker else SERVICES, scope="session")


def stages_of(marker: pytest.Mark) -> list[str]:
    """Return the stages that a marker means: those it names, or every one that has the layer it names."""
    layer = marker.kwargs.get("layer")
    return list(marker.args) or [key for key, spec in STAGES.items() if layer in spec["layers"]]


@pytest.fixture(scope="session")
def uv() -> str:
    """The uv program, the one tool that a user must have."""
    path = shutil.which("uv")
    assert path, "these tests need uv on PATH"
    return path


@pytest.fixture(scope="session")
def variables(uv: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of a user who has uv and git and has configured neither.

    Only the package cache is shared with this machine: what is installed comes through it, not from it.
    """
    kept = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE")
    mine = {name: value for name, value in os.environ.items() if name in kept or name.startswith("UV_")}
    home = tmp_path_factory.mktemp("home")
    cache = subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    mine |= {"HOME": str(home), "UV_CACHE_DIR": cache, "DVC_SITE_CACHE_DIR": str(home / "dvc")}
    # PyTorch's types take half a minute to read: once for all copies of a project.
    mine["MYPY_CACHE_DIR"] = str(home / "mypy")
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Another stage trains at the same time: threads that wait for each other on shared cores are many times slower.
        mine["OMP_NUM_THREADS"] = "1"
    if "PIP_FIND_LINKS" in os.environ:  # uv does not read pip's settings
        mine.setdefault("UV_FIND_LINKS", os.environ["PIP_FIND_LINKS"])
    if "UV_FIND_LINKS" in mine:  # wheels that lie here stand in for PyTorch's own index
        mine["UV_NO_SOURCES"] = "1"
    return mine


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of a test run see: a project is installed and trained there once, for all of them."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"


@pytest.fixture(scope="session")
def fresh(template: Path, stage: str, uv: str, variables: dict[str, str], shared: Path) -> Project:
    """A new project of a stage with its packages installed; nothing has run yet. Do not change it."""
    return new_project(template, stage, uv, variables, shared)


def new_project(template: Path, stage: str, uv: str, variables: dict[str, str], shared: Path) -> Project:
    """Render a project of a stage and install its packages, unless that was done before in this test run."""
    path = shared / f"{stage}-new" / "project"

    def make() -> None:
        copier.run_copy(str(template), path, data={"stage": stage}, defaults=True, quiet=True)
        project = fresh_project()
        if project.holds_torch:
            # A newer PyTorch than that of the wheels here would come from PyPI, with gigabytes for GPUs.
            project.run(uv, "lock", "--quiet", "--upgrade-package", HELD_TORCH)
        project.run(uv, "sync", "--quiet")

    def fresh_project() -> Project:
        answers = yaml.safe_load((path / ".copier-answers.yml").read_text(encoding="utf-8"))
        return Project(path, answers["package_name"], path / ".venv", variables)

    make_once(path.parent, make)
    return fresh_project()


@dataclass(frozen=True)
class FirstRun:
    """What the first command in a new project did.

    Attributes:
        project: The project afterwards.
        printed: Everything the command printed.
        page: The demo page it served.
        prediction: The answer to the example request.
        exit_code: After SIGTERM.
    """

    project: Project
    printed: str
    page: httpx.Response
    prediction: httpx.Response
    exit_code: int


@pytest.fixture(scope="session")
def first_run(fresh: Project, uv: str, stage: str, shared: Path) -> FirstRun:
    """Give `uv run poe demo` in a new project, as its owner's first command; look at the page; stop it."""
    path = shared / f"{stage}-trained" / "project"
    project = Project(path, fresh.package, path / ".venv", fresh.variables)
    log, seen = path.parent / "demo.log", path.parent / "seen.json"
    make_once(path.parent, lambda: seen.write_text(json.dumps(run_demo(fresh, project, uv, log)), encoding="utf-8"))
    tried("trained and served", stage=stage)
    found = json.loads(seen.read_text(encoding="utf-8"))
    page, prediction = (httpx.Response(**found[name], request=httpx.Request("GET", found["url"])) for name in ANSWERS)
    return FirstRun(project, log.read_text(encoding="utf-8"), page, prediction, found["exit_code"])


# What is looked at while the demo runs.
ANSWERS = ("page", "prediction")


def run_demo(fresh: Project, project: Project, uv: str, log: Path) -> dict[str, Any]:
    """Copy a new project, run its demo, and return what its service answered and its exit code."""
    left_out = [".venv"] if fresh.holds_torch else [".venv", "uv.lock"]
    shutil.copytree(fresh.path, project.path, ignore=shutil.ignore_patterns(*left_out))
    project.change_params(FIRST_RUN.get(project.stage, {}))
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [uv, "run", "poe", "demo"],
            cwd=project.path,
            env=fresh.variables | {"PORT": str(free_port()), "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        demo = Service(process, log)
        try:
            demo.wait_until_listening(patience_seconds=1200)
            with demo.client() as client:
                verb = STAGES[project.stage]["service_verb"]
                answers = client.get("/"), client.post(f"/{verb}", json=project.example())
            exit_code = demo.stop()
        finally:
            demo.kill()
    seen = {
        name: {"status_code": answer.status_code, "text": answer.text}
        for name, answer in zip(ANSWERS, answers, strict=True)
    }
    return seen | {"url": str(answers[0].url), "exit_code": exit_code}


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def trained(first_run: FirstRun) -> Project:
    """A project after its first run. Do not change it: copy it."""
    return first_run.project


@pytest.fixture(scope="session")
def report(trained: Project) -> Any:
    """The figures that the project reports."""
    return trained.read_json("reports/metrics.json")


@pytest.fixture
def owned(trained: Project, tmp_path: Path) -> Project:
    """A copy of the trained project, to change at will."""
    return trained.copy_to(tmp_path / "project")


@pytest.fixture
def quick(owned: Project) -> Project:
    """A copy of the trained project whose next training takes seconds; the champion is the one of the full search."""
    owned.change_params(QUICK[owned.stage])
    owned.shrink()
    return owned


@pytest.fixture(scope="session")
def verb(stage: str) -> str:
    """Path of the route that is the stage's own."""
    return f"/{STAGES[stage]['service_verb']}"


@pytest.fixture(scope="session")
def service(trained: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service of the trained project, for tests that only ask it."""
    copy = trained.copy_to(tmp_path_factory.mktemp("serving") / "project")
    with copy.serve() as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; CI must have it."""
    program = chromium()
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
        yield running
        running.close()
