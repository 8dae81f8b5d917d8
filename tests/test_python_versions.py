"""The workflows try every Python that a generated project may have, on every system."""

import re
import tomllib

import pytest
import yaml
from conftest import Render
from contract import ROOT


def jobs(name: str) -> dict:
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text("utf-8"))["jobs"]


@pytest.fixture(scope="module")
def pythons(render: Render) -> list[str]:
    """The versions that a generated project allows."""
    project = tomllib.loads((render() / "pyproject.toml").read_text("utf-8"))["project"]
    found = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"])
    assert found
    return [f"3.{minor}" for minor in range(int(found[1]), int(found[2]))]


def test_the_template_is_tried_with_each_of_them_on_every_system(pythons):
    matrix = jobs("ci.yml")["quick"]["strategy"]["matrix"]
    assert matrix["python"] == pythons
    assert {os.split("-")[0] for os in matrix["os"]} == {"ubuntu", "windows", "macos"}


def test_new_projects_are_tried_with_each_of_them_and_on_every_system(pythons):
    places = jobs("dependencies.yml")["check"]["strategy"]["matrix"]["where"]
    assert sorted({place["python"] for place in places}) == pythons
    assert {place["os"].split("-")[0] for place in places} == {"ubuntu", "windows", "macos"}
    assert {place["resolution"] for place in places} == {"highest", "lowest-direct"}
