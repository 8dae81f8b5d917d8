"""CHANGELOG.md becomes releases: the command of the workflow runs here, with a stand-in for GitHub's `gh`."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from contract import ROOT, STAGES
from repository import commit, git

CHANGELOG = """# Changelog

## Unreleased

- Not yet.

## 1.2.0

- News.

### More

- Of it.

## 1.1.0

- Old.
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two versions, of which the older one is tagged."""
    if shutil.which("bash") is None:
        pytest.skip("no bash: the workflow runs on Linux")
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "CHANGELOG.md").write_text(CHANGELOG, "utf-8")
    commit(folder, "Start", tag="v1.1.0")
    return folder


def release(repository: Path) -> tuple[str, list[str]]:
    """Run the workflow's command; returns what it printed and the arguments that `gh` got, if it was called."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8"))
    (command,) = [step["run"] for step in workflow["jobs"]["tag"]["steps"] if "run" in step]
    programs = repository.parent / "programs"
    programs.mkdir(exist_ok=True)
    called = repository.parent / "called"
    called.unlink(missing_ok=True)
    (programs / "gh").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{called}"\ngit tag "$3"\n', "utf-8")
    (programs / "gh").chmod(0o755)
    environment = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-e", "-c", command], cwd=repository, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout, called.read_text("utf-8").splitlines() if called.exists() else []


def test_a_new_version_becomes_a_release_with_its_section_as_the_text(repository):
    _, arguments = release(repository)
    head = git(repository, "rev-parse", "HEAD").strip()
    expected = ["release", "create", "v1.2.0", "--target", head, "--title", "v1.2.0", "--notes-file", "notes.md"]
    assert arguments == expected
    assert (repository / "notes.md").read_text("utf-8").split() == ["-", "News.", "###", "More", "-", "Of", "it."]


def test_a_version_is_released_once(repository):
    release(repository)
    printed, arguments = release(repository)
    assert printed == "Nothing to release\n"
    assert arguments == []


def test_without_a_version_nothing_is_released(repository):
    (repository / "CHANGELOG.md").write_text(CHANGELOG.partition("## 1.2.0")[0], "utf-8")
    assert release(repository) == ("Nothing to release\n", [])


def test_the_changelog_names_every_stage():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert not [stage for stage in STAGES if f"`{stage}`" not in text]


def test_versions_are_in_order_and_no_tag_is_missing_in_the_changelog():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = [tuple(map(int, found.split("."))) for found in re.findall(r"^## (\d+\.\d+\.\d+)$", text, re.MULTILINE)]
    assert versions == sorted(set(versions), reverse=True)
    tags = git(ROOT, "tag", "--list", "v*").split() if (ROOT / ".git").exists() else []
    assert {tuple(map(int, tag[1:].split("."))) for tag in tags} <= set(versions)
