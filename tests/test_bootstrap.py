"""`bootstrap.py` and the demo: from a fresh clone with Python and git to a running task, with its exit code."""

import ast
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from contract import ROOT

PYPROJECT = """
[project]
name = "x"
version = "0"
requires-python = ">=3.11"
[dependency-groups]
dev = ["poethepoet"]
[tool.uv]
package = false
[tool.poe]
executor.type = "simple"
[tool.poe.tasks]
test = 'python -c "import sys; print(sys.argv[1:]); sys.exit(7)"'
"""
posix = pytest.mark.skipif(os.name == "nt", reason="the stand-in for uv is a shell script")


@pytest.fixture
def stand_in(tmp_path) -> Path:
    """A folder with a `uv` that says where and how it is called, and fails with 7."""
    program = tmp_path / "bin" / "uv"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$PWD: $*" "$UV_FIND_LINKS"\nexit 7\n', "utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program.parent


def run(script: Path, *arguments: str, path: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), *arguments]
    environment = os.environ | {"PATH": path, "UV_FIND_LINKS": ""} | variables
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True, encoding="utf-8")


@posix
def test_bootstrap_runs_the_task_with_its_arguments_and_exit_code(stand_in):
    done = run(ROOT / "bootstrap.py", "test", "-k", "a b", path=f"{stand_in}:{os.environ['PATH']}")
    assert done.stdout.startswith(f"{ROOT}: run poe test -k a b")
    assert done.returncode == 7


@posix
def test_bootstrap_hands_pips_settings_to_uv(stand_in):
    done = run(
        ROOT / "bootstrap.py", "test", path=f"{stand_in}:{os.environ['PATH']}", PIP_FIND_LINKS="a b", UV_FIND_LINKS=""
    )
    assert done.stdout.endswith(" a,b\n")


def test_bootstrap_without_a_task_says_how_it_is_used():
    done = run(ROOT / "bootstrap.py", path=os.environ["PATH"])
    assert (done.returncode, "python3 bootstrap.py demo" in done.stderr) == (2, True)


def test_an_old_python_can_read_bootstrap_and_is_told_what_is_needed():
    ast.parse((ROOT / "bootstrap.py").read_text("utf-8"), feature_version=(3, 7))
    pretend = "import sys, runpy; sys.version_info = (3, 10); sys.argv[:] = ['', 'test']"
    code = f"{pretend}; runpy.run_path({str(ROOT / 'bootstrap.py')!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr[:34]) == (1, "Python 3.11 or newer is needed; th")


@pytest.mark.slow
def test_bootstrap_installs_uv_where_there_is_none(tmp_path):
    shutil.copy(ROOT / "bootstrap.py", tmp_path)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, "utf-8")
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if not shutil.which("uv", path=folder)]
    done = run(tmp_path / "bootstrap.py", "test", "-k", "a b", path=os.pathsep.join(folders))
    assert done.stdout.splitlines()[0] == "uv is not installed: putting it into .bootstrap/"
    assert "['-k', 'a b']" in done.stdout
    assert done.returncode == 7


@posix
def test_the_demo_renders_the_example_once_and_runs_its_demo(stand_in, template, tmp_path):
    repository = shutil.copytree(template, tmp_path / "repository")
    path = f"{stand_in}:{os.environ['PATH']}"
    first = run(repository / "examples" / "demo.py", path=path)
    project = repository / "build" / "house-prices"
    assert first.stdout.splitlines()[-1].strip() == f"{project}: run poe demo"
    assert first.returncode == 7
    (project / "README.md").write_text("mine\n", "utf-8")
    second = run(repository / "examples" / "demo.py", path=path)
    assert second.stdout.strip() == f"{project}: run poe demo"
    assert (project / "README.md").read_text("utf-8") == "mine\n"


def test_one_command_renders_every_example(template, tmp_path):
    repository = shutil.copytree(template, tmp_path / "repository")
    done = run(repository / "examples" / "rendering.py", path=os.environ["PATH"])
    assert done.returncode == 0, done.stderr
    examples = sorted(path.stem for path in (ROOT / "examples").glob("*.yml"))
    assert done.stdout.splitlines() == [f"build/{name}" for name in examples]
    answers = [repository / "build" / name / ".copier-answers.yml" for name in examples]
    assert all(file.exists() for file in answers)
