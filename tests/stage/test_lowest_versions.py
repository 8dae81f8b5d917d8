"""The lower bounds in copier.yml hold: each stage works with the lowest version of every package it names.

For every stage uv finds the lowest direct versions, as `.github/workflows/dependencies.yml` does, and Ruff looks at the
code. For the first stage the workflow's commands go on: they install these versions with every group, import whatever
the code imports, and the project's own tests of its service train a small model, export it and ask for predictions.
The workflow does that, and all of `poe check` after it, for every stage each week: here it would take a quarter of an
hour.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import copier
import pytest
import yaml
from packaging.requirements import Requirement

from .conftest import STAGES, TEMPLATE
from .project import Project

pytestmark = pytest.mark.slow

RUFF = Path(sys.executable).parent / "ruff"
WORKFLOW = yaml.safe_load((TEMPLATE / ".github" / "workflows" / "dependencies.yml").read_text(encoding="utf-8"))
# What the workflow does in a new project.
LOCK, INSTALL, IMPORT, CHECK = [
    step["run"] for step in WORKFLOW["jobs"]["check"]["steps"] if step.get("working-directory") == "../project"
]


@pytest.fixture
def lowest(template: Path, stage: str, variables: dict[str, str], tmp_path: Path) -> Project:
    """A new project of a stage, and variables with which uv takes the lowest versions; nothing is installed yet."""
    path = tmp_path / "project"
    copier.run_copy(str(template), path, data={"stage": stage}, defaults=True, quiet=True)
    answers = yaml.safe_load((path / ".copier-answers.yml").read_text(encoding="utf-8"))
    mine = variables | {"UV_RESOLUTION": "lowest-direct", "GITHUB_WORKSPACE": str(TEMPLATE)}
    return Project(path, answers["package_name"], path / ".venv", mine)


def named_packages(project: Project) -> dict[str, Requirement]:
    """Return what the project's own file asks for, in whatever group."""
    table = tomllib.loads((project.path / "pyproject.toml").read_text("utf-8"))
    groups = [table["project"]["dependencies"], *table["dependency-groups"].values()]
    named = [Requirement(entry) for group in groups for entry in group if isinstance(entry, str)]
    return {re.sub(r"[-_.]+", "-", requirement.name): requirement for requirement in named}


def at_its_bound(requirement: Requirement, version: str) -> bool:
    """Whether a version is the one that a requirement begins with: 2.4.0 for >=2.4,<3."""
    bound = next(part.version for part in requirement.specifier if part.operator == ">=")
    return f"{version}.".startswith(f"{bound}.")


@pytest.mark.stages(*STAGES)
def test_the_lowest_versions_fit_together(lowest: Project) -> None:
    lowest.run("bash", "-euo", "pipefail", "-c", LOCK)
    locked = tomllib.loads((lowest.path / "uv.lock").read_text("utf-8"))["package"]
    versions = {package["name"]: package["version"] for package in locked if "version" in package}
    named = named_packages(lowest)
    higher = [name for name, requirement in named.items() if not at_its_bound(requirement, versions[name])]
    # A release of a package that nobody here names may ask for a newer version of one that is named.
    assert len(higher) <= len(named) // 10, higher
    for arguments in (["format", "--check"], ["check"]):
        assert subprocess.run([RUFF, *arguments, "--no-cache"], cwd=lowest.path, check=False).returncode == 0


@pytest.mark.stages(next(iter(STAGES)))
def test_the_lowest_versions_work(lowest: Project) -> None:
    for command in (LOCK, INSTALL, f"{IMPORT} tests/test_api.py"):
        lowest.run("bash", "-euo", "pipefail", "-c", command)
    lowest.run("ruff", "format", "--check")
    lowest.run("ruff", "check")


def test_the_workflow_goes_on_with_the_whole_check() -> None:
    assert "imports.py" in IMPORT
    assert CHECK == "uv run --no-sync poe check"
