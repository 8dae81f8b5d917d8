"""Reference solutions fit the files of today; that they solve the exercises, `stage/test_exercises.py` shows."""

import shutil
from pathlib import Path

import pytest
from contract import ROOT, STAGES
from repository import git

SOLUTIONS = ROOT / "tests" / "solutions"


@pytest.mark.parametrize("stage", STAGES)
def test_solutions_can_be_applied_one_after_the_other(stage, render, tmp_path: Path):
    project = shutil.copytree(render(stage=stage), tmp_path / "project")
    git(project, "init", "--quiet")
    patches = sorted((SOLUTIONS / stage).glob("*.patch"), key=lambda path: int(path.stem))
    assert len(patches) >= 5
    for patch in patches:
        git(project, "apply", str(patch))
