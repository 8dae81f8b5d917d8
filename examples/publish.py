"""Render, train and publish the examples: `python examples/publish.py v1.2.0 https://github.com/org`.

Each `examples/NAME.yml` has a repository NAME of its own. Its pipeline runs, its README gets the results, and what has
changed since the last time becomes one commit on top of its history; nothing becomes no commit. The website among them
shows the others, as they are published. An example that fails
does not stop the others: it opens an issue in the repository of the template, or adds to the one that is open.
Called by `.github/workflows/examples.yml`.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from demo import environment
from rendering import EXAMPLES, ROOT, command, show

# What an example's owner would type; the second one writes the results into its documents.
PIPELINE = (("uv", "run", "poe", "train"), ("uv", "run", "poe", "report"))
# A website has nothing to train: it is built, and its links are checked.
WEBSITE = (("uv", "run", "poe", "check"),)
AUTHOR = ("-c", "user.name=ai-roadmap-templates", "-c", "user.email=examples@localhost")
# Somebody else may push between our fetch and our push.
ATTEMPTS = 3


class PublishingError(Exception):
    """A command failed; the message is the end of what it printed."""


def run(folder: Path, *words: str) -> str:
    """Run a command in a folder and return what it prints.

    Raises:
        PublishingError: If it fails.
    """
    done = subprocess.run(  # noqa: S603
        words, cwd=folder, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode != 0:
        raise PublishingError(f"{' '.join(words)}\n{done.stdout[-3000:]}")
    return done.stdout


def render(name: str, version: str, project: Path) -> None:
    """Render an example over what its repository holds, so that files which are gone from the template go."""
    for file in run(project, "git", "ls-files", "-z").split("\0"):
        if file:
            (project / file).unlink(missing_ok=True)
    run(ROOT, *command(name, project, version, "--quiet", "--overwrite"))


def address(base: str, name: str) -> str:
    """Return where everybody finds an example: without the name and the token that a base may hold."""
    return re.sub(r"(?<=://)[^/@]*@", "", f"{base}/{name}")


def push(project: Path, version: str) -> bool:
    """Commit what has changed and push it; returns whether anything had.

    Raises:
        PublishingError: If the repository does not take it.
    """
    run(project, "git", "add", "--all")
    for attempt in range(1, ATTEMPTS + 1):
        if not run(project, "git", "status", "--porcelain"):
            return False
        run(project, "git", *AUTHOR, "commit", "--quiet", "--message", f"Template {version}")
        try:
            run(project, "git", "push", "--quiet", "origin", "HEAD:main")
        except PublishingError:
            if attempt == ATTEMPTS:
                raise
            # The same files on top of what somebody has pushed meanwhile.
            run(project, "git", "fetch", "--quiet", "origin", "main")
            run(project, "git", "reset", "--quiet", "--soft", "FETCH_HEAD")
        else:
            return True
    return False


def publish(name: str, version: str, base: str, folder: Path) -> str:
    """Render, train and push one example; returns what became of it.

    Raises:
        PublishingError: If any of it fails; then nothing was pushed.
    """
    project = folder / name
    run(folder, "git", "-c", "init.defaultBranch=main", "clone", "--quiet", f"{base}/{name}.git", str(project))
    render(name, version, project)
    show(project, [address(base, other) for other in EXAMPLES if other != name])
    for words in PIPELINE if (project / "dvc.yaml").exists() else WEBSITE:
        run(project, *words)
    return "published" if push(project, version) else "nothing has changed"


def report(name: str, version: str, problem: str) -> None:
    """Open an issue about a failing example, or add to the one that is open."""
    title = f"The example {name} fails"
    text = f"With template {version}:\n\n```\n{problem}\n```\n"
    listed = ("gh", "issue", "list", "--state", "open", "--search", f"in:title {title}", "--json", "number")
    number = run(ROOT, *listed, "--jq", ".[0].number").strip()
    if number:
        run(ROOT, "gh", "issue", "comment", number, "--body", text)
    else:
        run(ROOT, "gh", "issue", "create", "--title", title, "--body", text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Publish the examples one after the other; returns how many failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", help="tag of the template")
    parser.add_argument("base", help="where the repositories are: BASE/NAME.git")
    parser.add_argument("names", nargs="*", help="only these examples")
    asked = parser.parse_args(arguments)
    failed = 0
    for name in asked.names or EXAMPLES:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            try:
                print(f"{name}: {publish(name, asked.version, asked.base.rstrip('/'), Path(folder))}", flush=True)
            except PublishingError as error:
                failed += 1
                print(f"{name}: failed: {error}", file=sys.stderr, flush=True)
                report(name, asked.version, str(error))
    return failed


if __name__ == "__main__":
    sys.exit(main())
