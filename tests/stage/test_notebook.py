"""The exploration notebook runs as a script, and shows figures when it is exported."""

import re

import pytest

from .project import Project

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("state", ["before training", "after training"])
def test_it_runs_as_a_script_without_a_word_of_warning(owned: Project, state: str) -> None:
    if state == "before training":
        owned.run("python", "-c", "import shutil; [shutil.rmtree(name) for name in ('data', 'models', 'reports')]")
    done = owned.run("python", "-W", "error", "notebooks/explore.py", MPLBACKEND="Agg")
    assert "Warning" not in done.stderr


def test_it_shows_figures(owned: Project) -> None:
    owned.run("marimo", "export", "html", "notebooks/explore.py", "--output", "explore.html", "--no-include-code")
    exported = (owned.path / "explore.html").read_text(encoding="utf-8")
    assert len(set(re.findall(r"data:image/png;base64,[A-Za-z0-9+/]{2000}", exported))) >= 3
    assert "marimo-error" not in exported


def test_marimo_finds_no_fault_in_it(owned: Project) -> None:
    owned.run("marimo", "check", "notebooks/explore.py")
