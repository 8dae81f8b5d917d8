"""Git for the tests: this repository's files, and repositories that tests make and change."""

import subprocess
from pathlib import Path

from contract import ROOT


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it prints."""
    command = ["git", "-c", "init.defaultBranch=main", *arguments]
    return subprocess.run(command, cwd=folder, check=True, text=True, encoding="utf-8", stdout=subprocess.PIPE).stdout


def commit(folder: Path, message: str, tag: str | None = None) -> None:
    """Commit everything in a folder, which becomes a repository if it is none; a tag makes it a release."""
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    if tag:
        git(folder, "tag", tag)


def repository_files() -> list[Path]:
    """Every file of this repository that git tracks or would track."""
    names = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).exists()]


def project_files(project: Path) -> list[str]:
    """Every file of a project, as sorted POSIX paths."""
    return sorted(file.relative_to(project).as_posix() for file in project.rglob("*") if not file.is_dir())
