"""Where the projects lie: the lines of `projects.yaml`, each a folder or a git repository. Called by `gather.py`."""

import os
import re
import subprocess
from pathlib import Path

import yaml

from .record import GatherError

SOURCES = "projects.yaml"
# Long enough for a repository with pictures over a slow line.
CLONE_SECONDS = 120
ADDRESS = re.compile(r"[a-z+]+://|[\w.-]+@[\w.-]+:")


def read_sources(root: Path) -> list[str]:
    """Return what `projects.yaml` lists, in its order.

    Raises:
        GatherError: The file is missing, is not YAML, or is not a list of texts under `projects`.
    """
    path = root / SOURCES
    if not path.is_file():
        raise GatherError(f"{SOURCES} is missing: it lists the projects that the site shows.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise GatherError(f"{SOURCES} is not valid YAML: {error}") from error
    listed = (content.get("projects") or []) if isinstance(content, dict) else content
    if not isinstance(listed, list) or not all(isinstance(source, str) and source for source in listed):
        raise GatherError(f"{SOURCES}: under `projects:`, write one line a project, as in `- ../my-project`.")
    return listed


def is_address(source: str) -> bool:
    """Tell whether a source is the address of a git repository, and not a folder."""
    return ADDRESS.match(source) is not None


def locate(source: str, root: Path, clones: Path) -> Path:
    """Return the folder of a project; a repository is cloned into `clones` first, its newest commit only.

    Raises:
        GatherError: There is no such folder, or the repository cannot be cloned.
    """
    if is_address(source):
        return clone(source, clones / str(len(list(clones.iterdir()))))
    folder = (root / Path(source).expanduser()).resolve()
    if not folder.is_dir():
        raise GatherError(
            f"there is no folder {folder}. Where another machine builds the site, name the repository instead."
        )
    return folder


def clone(address: str, folder: Path) -> Path:
    """Clone the newest commit of a repository into a folder."""
    command = ["git", "clone", "--quiet", "--depth", "1", "--", address, str(folder)]
    # A repository that asks for a password cannot be cloned here: git shall say so instead of waiting.
    variables = os.environ | {"GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
    try:
        subprocess.run(  # noqa: S603 - the address is the user's own
            command, env=variables, check=True, capture_output=True, text=True, timeout=CLONE_SECONDS
        )
    except FileNotFoundError as error:
        raise GatherError("git is not installed. Get it from https://git-scm.com and try again.") from error
    except subprocess.TimeoutExpired as error:
        raise GatherError(f"it could not be cloned within {CLONE_SECONDS} seconds.") from error
    except subprocess.CalledProcessError as error:
        raise GatherError(f"it could not be cloned: {error.stderr.strip()}") from error
    return folder


def short_name(source: str, folder: Path) -> str:
    """Return the name of a project in addresses of the site: that of its repository or folder, in plain letters."""
    name = re.split(r"[/:\\]", source.rstrip("/"))[-1].removesuffix(".git") if is_address(source) else folder.name
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "project"
