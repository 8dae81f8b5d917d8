"""The packages that an answer brings in exist and fit together: uv finds versions for all of them."""

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from conftest import Render
from contract import CHOICES, QUESTIONS, STAGES, is_asked
from pairs import tried

# The default needs no proof here: a project with it is installed by other tests.
REMOTES = [
    (stage, data_remote)
    for data_remote in CHOICES["data_remote"]
    for stage in STAGES
    if is_asked("data_remote", {"stage": stage}) and data_remote != QUESTIONS["data_remote"]["default"]
]


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "data_remote"), REMOTES)
def test_uv_resolves_the_project(render: Render, tmp_path: Path, stage: str, data_remote: str) -> None:
    project = tmp_path / "project"
    shutil.copytree(render(stage=stage, data_remote=data_remote), project)
    # Wheels that lie on this machine stand in for PyTorch's own index.
    local = {"UV_NO_SOURCES": "1"} if {"UV_FIND_LINKS", "PIP_FIND_LINKS"} & set(os.environ) else {}
    subprocess.run(["uv", "lock", "--quiet"], cwd=project, env=os.environ | local, check=True)
    tried("packages resolved", stage=stage, data_remote=data_remote)
    locked = {package["name"] for package in tomllib.loads((project / "uv.lock").read_text("utf-8"))["package"]}
    drivers = {"s3": "dvc-s3", "gcs": "dvc-gs", "azure": "dvc-azure"}
    assert locked & set(drivers.values()) == {drivers[data_remote]}
