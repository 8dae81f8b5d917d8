"""From a fresh copy to a running service: `uv run poe demo`.

Each step can be repeated: what is there is kept, and what is up to date is not run again.
"""

import shutil
import subprocess
import sys
import webbrowser
from pathlib import Path
from threading import Timer

from .settings import Settings


def step(title: str, *command: str) -> None:
    """Announce a step and run it; its failure ends the demo with its exit code."""
    print(f"\n=== {title}\n    $ {' '.join(command)}", flush=True)
    code = subprocess.call(command)  # noqa: S603
    if code != 0:
        raise SystemExit(f"\n'{title}' failed (exit code {code}); the message above says why.")


def ensure_git() -> None:
    """Put the project under version control: DVC and the run records need a repository and a commit."""
    if shutil.which("git") is None:
        raise SystemExit("Git is not installed. Get it from https://git-scm.com and try again.")
    if not Path(".git").exists():
        step("Start a git repository", "git", "init", "--quiet", "--initial-branch=main")
    has_commit = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", "HEAD"],  # noqa: S607
        capture_output=True,
        check=False,
    )
    if has_commit.returncode == 0:
        return
    # Without an identity git refuses to commit; a neutral one is used for this commit only.
    known = subprocess.run(["git", "config", "user.email"], capture_output=True, check=False)  # noqa: S607
    identity = [] if known.stdout.strip() else ["-c", "user.name=demo", "-c", "user.email=demo@localhost"]
    step("Stage the project", "git", "add", "--all")
    step("First commit", "git", *identity, "commit", "--quiet", "-m", "Start from the template")


def main() -> None:
    """Run all steps; the last one serves until Ctrl+C."""
    settings = Settings()
    python = sys.executable
    ensure_git()
    step("Run the pipeline: data, training, evaluation, promotion", python, "-m", "dvc", "repro")
    step("Write the results into the documents", python, "-m", f"{__package__}.report")
    url = f"http://{settings.host}:{settings.port}"
    print(f"\n=== Serve the model\n    {url}        the demo page\n    {url}/docs   the API", flush=True)
    if sys.stdout.isatty():  # a person is watching
        Timer(3, webbrowser.open, [url]).start()
    try:
        raise SystemExit(subprocess.call([python, "-m", f"{__package__}.serve"]))  # noqa: S603
    except KeyboardInterrupt:
        print("Stopped.")


if __name__ == "__main__":
    main()
