"""Publishing the examples to repositories of their own: local bare ones here, with stand-ins for uv and GitHub's `gh`.

The stand-in for uv writes a result into the README, as a pipeline and a report would.
"""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from contract import ROOT
from repository import commit, git

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts; the workflow runs on Linux")

EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.yml"))
FIRST, SECOND = EXAMPLES[:2]
UV = """#!/bin/sh
printf 'uv %s\\n' "$*" >> "$CALLS"
case "$(basename "$PWD") $*" in
  "$BROKEN run poe train") echo "no data today"; exit 3 ;;
  *"run poe train")
    test -n "$RIVAL" || exit 0
    git clone --quiet "$RIVAL" "$PWD.rival" && cd "$PWD.rival" && echo theirs > theirs.txt && git add .
    git commit --quiet -m Theirs && git push --quiet origin HEAD:main ;;
  *"run poe report") echo "accuracy $RESULT" >> README.md ;;
esac
"""
GH = """#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
case "$*" in "issue list"*) cat "$OPEN" ;; esac
"""


class Hub:
    """The repositories of the examples, the template, and the stand-ins."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder = folder
        self.template = folder / "template"
        shutil.copytree(template, self.template)
        self.base = folder / "hub"
        for name in EXAMPLES:
            git(folder, "init", "--quiet", "--bare", str(self.base / f"{name}.git"))
        programs = folder / "programs"
        programs.mkdir()
        for name, text in (("uv", UV), ("gh", GH)):
            (programs / name).write_text(text, "utf-8")
            (programs / name).chmod(0o755)
        self.calls, self.open = folder / "calls", folder / "open"
        self.open.touch()
        self.environment = os.environ | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "CALLS": str(self.calls),
            "OPEN": str(self.open),
        }

    def publish(self, *names: str, version: str = "v1.0.0", **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run the publisher of the template's copy."""
        command = [sys.executable, "examples/publish.py", version, str(self.base), *names]
        environment = self.environment | {"RESULT": "0.9", "BROKEN": "", "RIVAL": ""} | variables
        return subprocess.run(command, cwd=self.template, env=environment, check=False, capture_output=True, text=True)

    def log(self, name: str) -> list[str]:
        """The commits of an example, newest first."""
        return git(self.base / f"{name}.git", "log", "--format=%s", "main").splitlines()

    def read(self, name: str, path: str) -> str:
        """A file of an example as it is published."""
        return git(self.base / f"{name}.git", "show", f"main:{path}")


@pytest.fixture
def hub(template: Path, tmp_path: Path) -> Hub:
    return Hub(tmp_path, template)


def test_an_example_is_published_with_its_results(hub):
    done = hub.publish(FIRST)
    assert (done.returncode, done.stdout) == (0, f"{FIRST}: published\n"), done.stderr
    assert hub.log(FIRST) == ["Template v1.0.0"]
    assert hub.read(FIRST, "README.md").endswith("accuracy 0.9\n")
    assert "_commit: v1.0.0" in hub.read(FIRST, ".copier-answers.yml")


def test_where_nothing_changed_nothing_is_committed(hub):
    hub.publish(FIRST)
    assert hub.publish(FIRST).stdout == f"{FIRST}: nothing has changed\n"
    assert hub.log(FIRST) == ["Template v1.0.0"]


def test_a_second_release_is_a_commit_on_top_and_files_that_are_gone_go(hub):
    hub.publish(FIRST)
    common = hub.template / "templates" / "{{ layer.common }}"
    (common / ".editorconfig").unlink()
    (common / "new.txt").write_text("new\n", "utf-8")
    commit(hub.template, "Newer", tag="v1.1.0")
    assert hub.publish(FIRST, version="v1.1.0").returncode == 0
    assert hub.log(FIRST) == ["Template v1.1.0", "Template v1.0.0"]
    files = git(hub.base / f"{FIRST}.git", "ls-tree", "-r", "--name-only", "main").split()
    assert "new.txt" in files
    assert ".editorconfig" not in files


def test_new_results_of_the_same_release_are_published(hub):
    hub.publish(FIRST)
    hub.publish(FIRST, RESULT="0.8")
    assert len(hub.log(FIRST)) == 2
    assert hub.read(FIRST, "README.md").endswith("accuracy 0.8\n")


def test_a_push_that_comes_between_is_kept_below(hub):
    hub.publish(FIRST)
    done = hub.publish(FIRST, RESULT="0.8", RIVAL=str(hub.base / f"{FIRST}.git"))
    assert done.returncode == 0, done.stderr
    assert hub.log(FIRST) == ["Template v1.0.0", "Theirs", "Template v1.0.0"]
    assert hub.read(FIRST, "README.md").endswith("accuracy 0.8\n")


def test_a_failing_example_stops_no_other_and_opens_an_issue(hub):
    done = hub.publish(FIRST, SECOND, BROKEN=FIRST)
    assert done.returncode == 1
    assert done.stdout == f"{SECOND}: published\n"
    calls = hub.calls.read_text("utf-8")
    assert f"issue create --title The example {FIRST} fails" in calls
    assert "no data today" in calls
    assert git(hub.base / f"{FIRST}.git", "for-each-ref") == ""


def test_an_issue_that_is_open_is_added_to(hub):
    hub.open.write_text("17\n", "utf-8")
    hub.publish(FIRST, BROKEN=FIRST)
    calls = hub.calls.read_text("utf-8")
    assert "issue comment 17" in calls
    assert "issue create" not in calls


def test_a_website_shows_the_other_examples_and_is_checked(hub):
    done = hub.publish("portfolio")
    assert (done.returncode, done.stdout) == (0, "portfolio: published\n"), done.stderr
    listed = yaml.safe_load(hub.read("portfolio", "projects.yaml"))["projects"]
    assert listed == [f"{hub.base}/{name}" for name in EXAMPLES if name != "portfolio"]
    assert hub.calls.read_text("utf-8").splitlines() == ["uv run poe check"]


def test_no_token_is_published(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    address = importlib.import_module("publish").address
    assert address("https://x-access-token:secret@github.com/org", "clothes") == "https://github.com/org/clothes"
    assert address("https://github.com/org", "clothes") == "https://github.com/org/clothes"
