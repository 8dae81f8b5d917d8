"""`copier update`: a newer release reaches a project that its owner has changed, and nothing of the owner's is lost.

Most of it is tried with releases that are made here: v1.0.0 is this work tree, v1.1.0 changes some files of it. The
last test updates from every release that this repository has a tag of (from one made here, as long as there is none).
"""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from contract import CHOICES, DEFAULT_STAGE, ROOT, STAGES
from copier import run_copy, run_update
from repository import commit, git, project_files, repository_files

COMMON, SHARED = "templates/{{ layer.common }}", "templates/{{ layer.shared }}"
STAGE = f"templates/{{{{ layer.{STAGES[DEFAULT_STAGE]['layers'][-1]} }}}}"
# A file of every project, and one of the stage's own; both are edited at the end by the owner, at the top by us.
SHARED_FILE, STAGE_FILE = ".editorconfig", "params.yaml"
# Both sides change its first line.
DISPUTED_FILE = "compose.yaml"
DELETED_FILE = ".dockerignore"
OWNED_BY_USER = {
    "uv.lock": "version = 1\n",
    "schema.yaml": "columns: mine\n",
    "data/raw.csv": "a,b\n1,2\n",
    "notes.md": "What I tried.\n",
    "src/my_package/mine.py": '"""Mine."""\n',
}


def prepend(file: Path, line: str) -> None:
    file.write_text(f"{line}\n{file.read_text('utf-8')}", "utf-8", newline="\n")


def append(file: Path, line: str) -> None:
    file.write_text(f"{file.read_text('utf-8')}{line}\n", "utf-8", newline="\n")


def replace_first_line(file: Path, line: str) -> None:
    rest = file.read_text("utf-8").split("\n", 1)[1]
    file.write_text(f"{line}\n{rest}", "utf-8", newline="\n")


def answers_of(project: Path) -> dict[str, str]:
    return yaml.safe_load((project / ".copier-answers.yml").read_text("utf-8"))


@pytest.fixture(scope="module")
def old_project(render, tmp_path_factory) -> Path:
    """A project of v1.0.0, as its owner has changed it."""
    project = tmp_path_factory.mktemp("old") / "project"
    shutil.copytree(render(package_name="my_package"), project)
    make_it_mine(project)
    return project


def make_it_mine(project: Path) -> None:
    """Commit a project as it was rendered, then what its owner changes."""
    commit(project, "Start")
    append(project / SHARED_FILE, "# mine")
    append(project / STAGE_FILE, "# mine")
    replace_first_line(project / DISPUTED_FILE, "# my line")
    (project / DELETED_FILE).unlink()
    for name, text in OWNED_BY_USER.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text, "utf-8", newline="\n")
    commit(project, "Make it mine")


@pytest.fixture(scope="module")
def newer_template(template, tmp_path_factory) -> Path:
    """The template with a release v1.1.0."""
    newer = tmp_path_factory.mktemp("newer") / "template"
    shutil.copytree(template, newer)
    prepend(newer / COMMON / SHARED_FILE, "# theirs")
    prepend(newer / STAGE / STAGE_FILE, "# theirs")
    replace_first_line(newer / SHARED / f"{DISPUTED_FILE}.jinja", "# their line")
    prepend(newer / SHARED / DELETED_FILE, "# theirs")
    (newer / SHARED / "new_file.txt").write_text("theirs\n", "utf-8")
    if (newer / STAGE / "schema.yaml").exists():
        prepend(newer / STAGE / "schema.yaml", "# theirs")
    commit(newer, "Newer", tag="v1.1.0")
    return newer


def update(project: Path, source: Path, destination: Path, **answers: str) -> Path:
    """A copy of the project, updated from the template in `source`."""
    shutil.copytree(project, destination)
    file = destination / ".copier-answers.yml"
    file.write_text(re.sub(r"_src_path: .*", f"_src_path: {source.as_posix()}", file.read_text("utf-8")), "utf-8")
    commit(destination, "The template has moved")
    run_update(destination, data=answers, defaults=True, overwrite=True, quiet=True, unsafe=False)
    return destination


def lines_of(file: Path) -> list[str]:
    return file.read_text("utf-8").splitlines()


@pytest.fixture(scope="module")
def updated(old_project, newer_template, tmp_path_factory) -> Path:
    return update(old_project, newer_template, tmp_path_factory.mktemp("updated") / "project")


@pytest.mark.parametrize("name", [SHARED_FILE, STAGE_FILE])
def test_an_edit_of_the_owner_is_kept(updated, name):
    assert lines_of(updated / name)[-1] == "# mine"


@pytest.mark.parametrize("name", [SHARED_FILE, STAGE_FILE])
def test_a_change_of_the_template_arrives_in_an_edited_file(updated, name):
    assert lines_of(updated / name)[0] == "# theirs"


@pytest.mark.parametrize("name", [SHARED_FILE, STAGE_FILE])
def test_edits_in_different_places_are_no_conflict(updated, name):
    assert not [line for line in lines_of(updated / name) if line.startswith(("<<<<<<<", ">>>>>>>"))]


def test_edits_of_the_same_line_become_an_ordinary_conflict(updated):
    lines = lines_of(updated / DISPUTED_FILE)
    start, middle, end = (next(i for i, line in enumerate(lines) if line.startswith(mark * 7)) for mark in "<=>")
    assert lines[start + 1 : middle] == ["# my line"]
    assert lines[middle + 1 : end] == ["# their line"]


def test_git_status_names_the_conflict(updated):
    assert f"UU {DISPUTED_FILE}" in git(updated, "status", "--porcelain").splitlines()


def test_no_reject_files_are_left(updated):
    assert not list(updated.rglob("*.rej"))


@pytest.mark.parametrize("name", OWNED_BY_USER)
def test_a_file_of_the_owner_is_untouched(updated, name):
    assert (updated / name).read_text("utf-8") == OWNED_BY_USER[name]


def test_a_deleted_file_stays_deleted(updated):
    assert not (updated / DELETED_FILE).exists()


def test_a_new_file_of_the_template_arrives(updated):
    assert lines_of(updated / "new_file.txt") == ["theirs"]


def test_the_answers_file_names_the_new_release(updated):
    assert answers_of(updated)["_commit"] == "v1.1.0"


def test_nothing_else_changes(updated):
    changed = {line[3:] for line in git(updated, "status", "--porcelain").splitlines()}
    assert changed == {SHARED_FILE, STAGE_FILE, DISPUTED_FILE, "new_file.txt", ".copier-answers.yml"}


def test_an_update_to_the_same_release_changes_nothing(old_project, template, tmp_path):
    project = update(old_project, template, tmp_path / "project")
    assert git(project, "status", "--porcelain") == ""


@pytest.mark.parametrize("ci", CHOICES["ci"])
def test_another_answer_on_update_changes_the_files(old_project, newer_template, tmp_path, ci):
    project = update(old_project, newer_template, tmp_path / "project", ci=ci)
    assert (project / ".github").exists() == (ci == "github")
    assert (project / ".gitlab-ci.yml").exists() == (ci == "gitlab")
    assert answers_of(project)["ci"] == ci


@pytest.mark.parametrize("stage", list(STAGES)[1:])
def test_another_stage_on_update_brings_its_files_and_keeps_the_owners(
    old_project, newer_template, render, tmp_path, stage
):
    project = update(old_project, newer_template, tmp_path / "project", stage=stage)
    assert answers_of(project)["stage"] == stage
    # A file that came with the old stage goes with it where the new one has no such file; git still has the owner's.
    left = {name for name in OWNED_BY_USER if (render() / name).exists() and not (render(stage=stage) / name).exists()}
    kept = {name: text for name, text in OWNED_BY_USER.items() if name not in left}
    assert {name: (project / name).read_text("utf-8") for name in kept} == kept
    assert {name: git(project, "show", f"HEAD:{name}") for name in left} == {name: OWNED_BY_USER[name] for name in left}


def test_a_stage_that_vanished_stops_the_update(old_project, newer_template, tmp_path):
    newest = shutil.copytree(newer_template, tmp_path / "template")
    config = (newest / "copier.yml").read_text("utf-8")
    (newest / "copier.yml").write_text(config.replace(f"    {DEFAULT_STAGE}:\n", "    renamed:\n"), "utf-8")
    commit(newest, "Rename a stage", tag="v2.0.0")
    with pytest.raises(ValueError, match="stage"):
        update(old_project, newest, tmp_path / "project")
    assert git(tmp_path / "project", "status", "--porcelain") == ""
    assert answers_of(tmp_path / "project")["stage"] == DEFAULT_STAGE


NEWEST = "v9999.0.0"
RELEASES = git(ROOT, "tag", "--list", "v[0-9]*").split()


@pytest.fixture(scope="module")
def history(tmp_path_factory) -> Path:
    """This repository with its releases, and the work tree as one more."""
    clone = tmp_path_factory.mktemp("history") / "template"
    git(ROOT, "clone", "--quiet", str(ROOT), str(clone))
    take_work_tree(clone)
    if not RELEASES:
        prepend(clone / COMMON / SHARED_FILE, "# older")
        prepend(clone / STAGE / STAGE_FILE, "# older")
        (clone / SHARED / "gone.txt").write_text("older\n", "utf-8")
        commit(clone, "Older", tag="v0.1.0")
        take_work_tree(clone)
    commit(clone, "Newest", tag=NEWEST)
    return clone


def take_work_tree(clone: Path) -> None:
    """Give a clone exactly the files of this work tree."""
    for name in git(clone, "ls-files", "-z").split("\0"):
        if name:
            (clone / name).unlink(missing_ok=True)
    (clone / SHARED / "gone.txt").unlink(missing_ok=True)
    for file in repository_files():
        copy = clone / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


@pytest.mark.parametrize("release", RELEASES or ["v0.1.0"])
def test_a_project_of_every_release_can_be_updated(history, render, tmp_path, release):
    mine = tmp_path / "mine"
    answers = {"stage": DEFAULT_STAGE, "package_name": "my_package"}
    run_copy(str(history), mine, data=answers, vcs_ref=release, defaults=True, quiet=True, unsafe=False)
    make_it_mine(mine)
    project = update(mine, history, tmp_path / "project")
    assert answers_of(project)["_commit"] == NEWEST
    for name, text in OWNED_BY_USER.items():
        assert (project / name).read_text("utf-8") == text
    assert not (project / DELETED_FILE).exists()
    assert not list(project.rglob("*.rej"))
    # What the owner wrote is there, beside what is new or between the markers of a conflict that git knows of.
    for name, line in {SHARED_FILE: "# mine", STAGE_FILE: "# mine", DISPUTED_FILE: "# my line"}.items():
        assert line in lines_of(project / name)
    marked = {
        name
        for name in git(project, "ls-files").splitlines()
        if (project / name).exists() and b"\n<<<<<<< " in b"\n" + (project / name).read_bytes()
    }
    unmerged = {line[3:] for line in git(project, "status", "--porcelain").splitlines() if line.startswith("UU")}
    assert marked == unmerged
    # Everything that the owner never touched is what a new project has.
    new = render(**answers)
    touched = {SHARED_FILE, STAGE_FILE, DISPUTED_FILE, DELETED_FILE, ".copier-answers.yml", *OWNED_BY_USER}
    for name in set(project_files(new)) - touched:
        assert (project / name).read_bytes() == (new / name).read_bytes(), name
    assert not (project / "gone.txt").exists()
