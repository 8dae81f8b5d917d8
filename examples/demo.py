"""Render a published example into `build/` and run its demo: `uv run poe demo`.

An example that is already there is kept, with its data and results. Delete the folder to start afresh.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main(name: str = "house-prices") -> int:
    """Run the demo of `examples/NAME.yml` and return its exit code."""
    project = ROOT / "build" / name
    if not project.exists():
        answers = ROOT / "examples" / f"{name}.yml"
        # HEAD and what is not committed yet, not the newest release: this is the template as it stands here.
        render = ["copier", "copy", "--vcs-ref=HEAD", "--defaults", "--data-file", answers, ROOT, project]
        subprocess.run([sys.executable, "-W", "ignore", "-m", *render], check=True)
    # The project has an environment of its own; the one of this repository must not be taken for it.
    env = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl+C is for the service; this script waits until it has ended
    return subprocess.call(["uv", "run", "poe", "demo"], cwd=project, env=env)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
