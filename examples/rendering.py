"""Render the examples: `uv run poe examples` renders all of them into `build/`, or those that are named."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.yml"))


def command(name: str, project: Path, version: str = "HEAD", *options: str) -> list[str]:
    """Return the command that renders `examples/NAME.yml`.

    Args:
        name: Of the example.
        project: Where to.
        version: Tag of the template; HEAD is the template as it stands here, with what is not committed yet.
        options: Further options of `copier copy`.
    """
    copier = [sys.executable, "-W", "ignore", "-m", "copier", "copy", "--defaults", *options]
    answers = ROOT / "examples" / f"{name}.yml"
    return [*copier, "--vcs-ref", version, "--data-file", str(answers), str(ROOT), str(project)]


def show(project: Path, sources: Sequence[str]) -> None:
    """Name the projects that a rendered website shows; a project that is no website is left alone.

    Args:
        project: The rendered example.
        sources: Folders, seen from there, or addresses of repositories.
    """
    listing = project / "projects.yaml"
    if listing.exists():
        lines = "".join(f"  - {source}\n" for source in sources)
        listing.write_text(f"# The other examples.\nprojects:\n{lines}", encoding="utf-8", newline="\n")


def neighbours(name: str) -> list[str]:
    """Return the other examples that are rendered into `build/`, as an example there sees them."""
    return [f"../{other}" for other in EXAMPLES if other != name and (ROOT / "build" / other / "project.yml").exists()]


def main(*names: str) -> None:
    """Render examples over what is in `build/`."""
    chosen = names or EXAMPLES
    for name in chosen:
        project = ROOT / "build" / name
        subprocess.run(command(name, project, "HEAD", "--quiet", "--overwrite"), check=True)
        print(project.relative_to(ROOT).as_posix(), flush=True)
    for name in chosen:
        show(ROOT / "build" / name, neighbours(name))


if __name__ == "__main__":
    main(*sys.argv[1:])
