"""The exercises of LEARN.md are real: their checks fail in a new project, and pass with the solutions kept here.

A solution is `tests/solutions/STAGE/NUMBER.patch`, against a project with the stage's default answers. A learner solves
one after the other in the same project, and so does this test.
"""

import re
from pathlib import Path

import pytest

from .conftest import SERVICES, STAGES
from .project import QUICK, Project

pytestmark = [pytest.mark.slow, pytest.mark.stages(*STAGES)]

SOLUTIONS = Path(__file__).resolve().parents[1] / "solutions"
FAILED = re.compile(r"^(?:FAILED|ERROR) tests/exercises/exercise_(\d+)\.py", re.MULTILINE)


@pytest.fixture
def learners(stage: str, fresh: Project, tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    """A project to solve the exercises in: after its first run, where there is something to train."""
    done: Project = request.getfixturevalue("trained") if stage in SERVICES else fresh
    return done.copy_to(tmp_path / "project")


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


def test_learn_has_ten_questions_with_what_a_good_answer_covers(fresh: Project) -> None:
    text = (fresh.path / "LEARN.md").read_text(encoding="utf-8")
    section = re.search(r"^## Interview questions$(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert section, "LEARN.md has a section of interview questions"
    asked = re.findall(r"^(\d+)\. \*([^*]+\?)\* \S", section[1], re.MULTILINE)
    assert [int(number) for number, _ in asked] == list(range(1, 11))


def test_an_exercise_is_checked_by_its_number(learners: Project) -> None:
    done = learners.run("poe", "exercise", "1", check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAILED tests/exercises/exercise_1.py" in done.stdout


def test_solutions_turn_the_checks_from_red_to_green(learners: Project) -> None:
    unsolved, printed = failures(learners)
    assert unsolved == set(exercises(learners)), printed
    changes_parameters = False
    for number in exercises(learners):
        patch = SOLUTIONS / learners.stage / f"{number}.patch"
        learners.run("git", "apply", str(patch))
        changes_parameters |= "+++ b/params.yaml" in patch.read_text(encoding="utf-8")
    if changes_parameters:  # a training of seconds shows what they change
        learners.change_params(QUICK[learners.stage])
        learners.shrink()
        learners.train()
    unsolved, printed = failures(learners)
    assert unsolved == set(), printed
    learners.run("ruff", "check")
    learners.run("ruff", "format", "--check")
