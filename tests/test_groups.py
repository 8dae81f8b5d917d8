"""Tests that share a trained project run in one process: in two, each would train it."""

import re
import subprocess
import sys

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
