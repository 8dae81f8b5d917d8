"""The exercises of LEARN.md are real: their checks fail in a new project, and pass with the solutions kept here.

A solution is `tests/solutions/STAGE/NUMBER.patch`, against a project with the stage's default answers. A learner solves
one after the other in the same project, and so does this test.
"""

import re
from pathlib import Path

import pytest

from .project import QUICK, Project

pytestmark = pytest.mark.slow

SOLUTIONS = Path(__file__).resolve().parents[1] / "solutions"
FAILED = re.compile(r"^(?:FAILED|ERROR) tests/exercises/exercise_(\d+)\.py", re.MULTILINE)


def exercises(project: Project) -> list[int]:
    """Numbers of the exercises that a project has checks for."""
    return sorted(int(path.stem.split("_")[1]) for path in (project.path / "tests/exercises").glob("exercise_*.py"))


def failures(project: Project) -> tuple[set[int], str]:
    """Check all exercises; return the numbers of those that are not solved, and what was printed."""
    files = [f"tests/exercises/exercise_{number}.py" for number in exercises(project)]
    printed = project.run("pytest", "-rfE", "--quiet", *files, check=False).stdout
    return {int(number) for number in FAILED.findall(printed)}, printed


def test_learn_describes_every_exercise_that_can_be_checked(fresh: Project) -> None:
    """Five to eight, numbered as they are there."""
    text = (fresh.path / "LEARN.md").read_text(encoding="utf-8")
    section = re.search(r"^## Exercises$(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert section, "LEARN.md has a section of exercises"
    described = [int(number) for number in re.findall(r"^(\d+)\. \*\*", section[1], re.MULTILINE)]
    assert described == exercises(fresh)
    assert 5 <= len(described) <= 8


def test_an_exercise_is_checked_by_its_number(trained: Project) -> None:
    done = trained.run("poe", "exercise", "1", check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAILED tests/exercises/exercise_1.py" in done.stdout


def test_solutions_turn_the_checks_from_red_to_green(owned: Project) -> None:
    unsolved, printed = failures(owned)
    assert unsolved == set(exercises(owned)), printed
    changes_parameters = False
    for number in exercises(owned):
        patch = SOLUTIONS / owned.stage / f"{number}.patch"
        owned.run("git", "apply", str(patch))
        changes_parameters |= "+++ b/params.yaml" in patch.read_text(encoding="utf-8")
    if changes_parameters:  # a training of seconds shows what they change
        owned.change_params(QUICK[owned.stage])
        owned.shrink()
        owned.train()
    unsolved, printed = failures(owned)
    assert unsolved == set(), printed
    owned.run("ruff", "check")
    owned.run("ruff", "format", "--check")
