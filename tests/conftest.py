"""Fixtures for all tests: a release of the template as it stands in this work tree, and projects rendered from it."""

import json
import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pairs
import pytest
from contract import DEFAULT_STAGE, ROOT, STAGES
from copier import run_copy
from repository import commit, repository_files

Render = Callable[..., Path]

# The file of the tests that come first in each stage: they train its project.
TRAINS = "test_demo"

# The machine's own git settings must not decide a test, and there must be an identity to commit with.
GIT_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.com",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.com",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-expected", action="store_true", help="rewrite the file lists in tests/expected/")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(pairs)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Cheapest tests first: seconds, then minutes, then those of a trained project.

    The groups are set before xdist reads them, and the order after pytest has set its own.
    """
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
    yield
    items.sort(key=cost)


def parameter(item: pytest.Item, name: str) -> Any:
    """Return the value that a test is parametrised with under a name; None if it is not."""
    return item.callspec.params.get(name) if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None


def group(item: pytest.Item) -> str:
    """Return the name of the tests that one process runs together: they share what takes a while to make."""
    stage = parameter(item, "stage")
    if stage and cost(item)[0] == SLOW_OF_A_STAGE:
        return f"{stage} {item.path.stem}"
    answers = parameter(item, "answers")
    return json.dumps(answers) if answers else item.path.stem


QUICK, SLOW, SLOW_OF_A_STAGE = range(3)


def cost(item: pytest.Item) -> tuple[int, int, int, str]:
    """Return what tests are sorted by: how slow, what comes first among the slow ones, which stage, which file.

    First a project of every stage is trained, by the tests of its demo: no other test then waits for it. The longest
    files follow, those of one stage alone and the images, so that no process has much left to do when the others end.
    """
    docker = item.get_closest_marker("docker") is not None
    if not docker and item.get_closest_marker("slow") is None:
        return QUICK, 0, 0, ""
    stage = parameter(item, "stage")
    if stage is None:
        return SLOW, docker, 0, ""
    named = item.get_closest_marker("stages")
    rank = 0 if item.path.stem == TRAINS else 1 if named and named.args else 2 if docker else 3
    return SLOW_OF_A_STAGE, rank, list(STAGES).index(stage), item.path.stem


@pytest.fixture(scope="session", autouse=True)
def neutral_git() -> None:
    os.environ.update(GIT_ENVIRONMENT)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean repository with this work tree's files, committed or not, as release v1.0.0."""
    clone = tmp_path_factory.mktemp("template")
    for file in repository_files():
        copy = clone / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    commit(clone, "Release", tag="v1.0.0")
    return clone


@pytest.fixture(scope="session")
def render(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Renders a project from answers, once for the same answers: who changes a project copies it first."""
    projects: dict[str, Path] = {}

    def render_once(**answers: str) -> Path:
        answers = {"stage": DEFAULT_STAGE} | answers
        key = json.dumps(answers, sort_keys=True)
        if key not in projects:
            project = tmp_path_factory.mktemp("project")
            run_copy(str(template), project, data=answers, defaults=True, quiet=True, unsafe=False)
            projects[key] = project
            pairs.tried("rendered and checked", **answers)
        return projects[key]

    return render_once
