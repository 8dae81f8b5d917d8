"""Render a published example into `build/` and run its demo: `uv run poe demo`.

An example that is already there is kept, with its data and results. Delete the folder to start afresh.
"""

import os
import signal
import subprocess
import sys

from rendering import ROOT, command, neighbours, show


def environment() -> dict[str, str]:
    """Return the variables of a command in a project, which must not take this repository's environment for its own."""
    return {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}


def main(name: str = "house-prices") -> int:
    """Run the demo of `examples/NAME.yml` and return its exit code."""
    project = ROOT / "build" / name
    if not project.exists():
        subprocess.run(command(name, project), check=True)
    show(project, neighbours(name))
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl+C is for the service; this script waits until it has ended
    return subprocess.call(["uv", "run", "poe", "demo"], cwd=project, env=environment())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
