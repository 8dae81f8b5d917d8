"""Render the examples: `uv run poe examples` renders all of them into `build/`, or those that are named."""

import subprocess
import sys
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


def main(*names: str) -> None:
    """Render examples over what is in `build/`."""
    for name in names or EXAMPLES:
        project = ROOT / "build" / name
        subprocess.run(command(name, project, "HEAD", "--quiet", "--overwrite"), check=True)
        print(project.relative_to(ROOT).as_posix(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
