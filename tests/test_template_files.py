"""Every file of this repository: names and bytes for every operating system, and nothing that must not land."""

import re
import subprocess
import tomllib

import pytest
from contract import ROOT, TEMPLATES
from repository import repository_files

FILES = repository_files()
SOURCES = [path for path in FILES if path.is_relative_to(TEMPLATES)]
BINARY = {".png", ".onnx", ".skops", ".parquet", ".ico", ".woff2", ".gif"}
TEXTS = [path for path in FILES if path.suffix not in BINARY]
WINDOWS_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}

# An address that a package manager was configured with on somebody's machine, and folders of such a machine.
REGISTRY = re.compile(r"(?:files\.pythonhosted|pypi|registry\.npmjs|deb\.debian|security\.debian)\.org/(?!project/)")
# (`/home/app` is the image's own user.)
MACHINE_PATH = re.compile(r"(?<![\w.~}/-])/(?:work|root|tmp|Users|opt|home(?!/app\b))/\w")


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def test_file_names_are_allowed_on_windows():
    bad = [
        name_of(path)
        for path in FILES
        for part in path.relative_to(ROOT).parts
        if re.search(r'[<>:"|?*\\\x00-\x1f]', part) or part[-1] in " ." or part.split(".")[0].lower() in WINDOWS_DEVICES
    ]
    assert not bad


def test_file_names_differ_by_more_than_case():
    assert len({name_of(path).casefold() for path in FILES}) == len(FILES)


def test_paths_are_at_most_120_characters():
    assert not [name_of(path) for path in FILES if len(name_of(path)) > 120]


def test_there_are_no_symbolic_links():
    assert not [name_of(path) for path in FILES if path.is_symlink()]


def test_texts_are_utf_8_without_byte_order_mark():
    for path in TEXTS:
        assert not path.read_bytes().decode("utf-8").startswith("\ufeff"), name_of(path)


def test_lines_end_with_lf_and_so_does_the_file():
    bad = [
        name_of(path)
        for path in TEXTS
        if b"\r" in path.read_bytes() or (path.stat().st_size and not path.read_bytes().endswith(b"\n"))
    ]
    assert not bad


def test_no_line_ends_with_a_space():
    bad = [name_of(path) for path in TEXTS if re.search(rb"[ \t]$", path.read_bytes(), re.MULTILINE)]
    assert not bad


def test_git_keeps_lf_on_every_operating_system():
    printed = subprocess.run(
        ["git", "check-attr", "eol", "--stdin"],
        cwd=ROOT,
        input="\n".join(name_of(path) for path in TEXTS),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    ).stdout
    assert not [line for line in printed.splitlines() if not line.endswith("eol: lf")]


def test_a_jinja_file_needs_an_answer():
    """A file without one is a plain file, which editors, linters and readers can open in place."""
    jinja = [path for path in SOURCES if path.suffix == ".jinja" and "partials" not in path.parts]
    assert not [name_of(path) for path in jinja if not re.search(r"{{|{%", path.read_text("utf-8"))]


def test_no_registry_address_is_written_down():
    bad = [f"{name_of(path)}: {line}" for path in TEXTS for line in lines_with(REGISTRY, path)]
    assert not bad


def test_no_path_of_a_machine_is_written_down():
    bad = [f"{name_of(path)}: {line}" for path in TEXTS for line in lines_with(MACHINE_PATH, path)]
    assert not bad


def lines_with(pattern, path):
    return [line.strip() for line in path.read_text("utf-8").splitlines() if pattern.search(line)]


@pytest.mark.parametrize("name", ["uv.lock", "package-lock.json", "poetry.lock"])
def test_no_lock_file_is_tracked(name):
    """It would record the address of the registry it was made with."""
    assert not [name_of(path) for path in FILES if path.name == name]


def test_no_file_is_larger_than_a_megabyte():
    assert not [name_of(path) for path in FILES if path.stat().st_size > 1_000_000]


def test_the_lint_rules_are_those_of_a_generated_project(render):
    """One house style: what is formatted here counts as formatted there."""
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    theirs = tomllib.loads((render() / "pyproject.toml").read_text("utf-8"))
    assert ours["tool"]["ruff"]["lint"]["select"] == theirs["tool"]["ruff"]["lint"]["select"]
    assert ours["tool"]["ruff"]["line-length"] == theirs["tool"]["ruff"]["line-length"]
    ruff = [line for line in ours["dependency-groups"]["dev"] if str(line).startswith("ruff>")]
    assert ruff == [line for line in theirs["dependency-groups"]["dev"] if line.startswith("ruff>")]
