"""Tests of one group run in one process; what tests of several groups share is made once, by one process."""

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from once import make_once

GROUPED = """
import pytest

@pytest.mark.parametrize("number", range(20))
@pytest.mark.parametrize("name", ["a", "b"])
def test_something(name, number):
    pass
"""
CONFTEST = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.callspec.params["name"]))
    yield
"""


def test_a_group_runs_in_one_process(tmp_path):
    """Set as conftest.py sets them; a release of pytest has broken it before, without a word."""
    (tmp_path / "test_grouped.py").write_text(GROUPED, "utf-8")
    (tmp_path / "conftest.py").write_text(CONFTEST, "utf-8")
    options = [
        "--numprocesses",
        "2",
        "--dist",
        "loadgroup",
        "--verbose",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        tmp_path,
    ]
    command = [sys.executable, "-m", "pytest", *options, tmp_path]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    ran = re.findall(r"\[(gw\d)\].* PASSED .*\[(\w)-\d+\]", printed)
    assert len(ran) == 40, printed
    assert len(set(ran)) == 2


def test_what_several_processes_need_is_made_by_one_while_the_others_wait(tmp_path):
    folder = tmp_path / "made once"

    def make():
        time.sleep(0.3)
        with (folder / "makers").open("a", encoding="utf-8") as file:
            file.write("one\n")

    def ask(_):
        make_once(folder, make)
        return (folder / "makers").read_text("utf-8")

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(8))) == {"one\n"}


def test_what_could_not_be_made_is_not_tried_again(tmp_path):
    tries = []

    def make():
        tries.append(1)
        raise ValueError("no space left")

    with pytest.raises(ValueError, match="no space left"):
        make_once(tmp_path / "project", make)
    with pytest.raises(AssertionError, match="project could not be made: no space left"):
        make_once(tmp_path / "project", make)
    assert len(tries) == 1
