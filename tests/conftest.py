"""Fixtures for all tests: a release of the template as it stands in this work tree, and projects rendered from it."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from contract import DEFAULT_STAGE, ROOT
from copier import run_copy
from repository import commit, repository_files

Render = Callable[..., Path]

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Cheapest tests first: seconds, then `slow`, then `docker`."""
    items.sort(key=lambda item: 2 if item.get_closest_marker("docker") else 1 if item.get_closest_marker("slow") else 0)


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
        return projects[key]

    return render_once
