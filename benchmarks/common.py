"""What the benchmarks share: where results go, how a table is printed, how the template becomes a project.

Every benchmark is one command, `uv run benchmarks/NAME.py`, and writes `build/benchmarks/NAME.json`. Its `tables` are
what it prints, and what `write_docs.py` puts into docs/benchmarks.md.
"""

import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "build" / "benchmarks"
STAGE = "tabular_regression"
PACKAGE = "house_price_predictor"  # what the stage's default answers call it
HELD_TORCH = "torch==2.13.0"

Table = dict[str, Any]


def environment(**extra: str) -> dict[str, str]:
    """Return this process' environment without the virtual environment that `uv run` put us into."""
    kept = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    if "UV_FIND_LINKS" in kept:  # wheels that lie here stand in for PyTorch's own index
        kept["UV_NO_SOURCES"] = "1"
    return kept | extra


def call(command: Sequence[str | Path], cwd: Path = ROOT, **extra: str) -> str:
    """Run a command and return what it printed.

    Raises:
        SystemExit: If the command fails; the message holds its output.
    """
    texts = [str(part) for part in command]
    done = subprocess.run(texts, cwd=cwd, env=environment(**extra), capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(texts)} failed ({done.returncode}):\n{done.stdout}\n{done.stderr}")
    return done.stdout


def timed(command: Sequence[str | Path], cwd: Path = ROOT, **extra: str) -> float:
    """Run a command and return the seconds it took, from start to end of the process."""
    started = time.perf_counter()
    call(command, cwd, **extra)
    return time.perf_counter() - started


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def python(project: Path, *arguments: str | Path) -> str:
    """Run Python in the project's environment and return what it printed."""
    return call(["uv", "run", "--no-sync", "python", *arguments], cwd=project)


def change(project: Path, **changes: str) -> None:
    """Set parameters, addressed by the names that are unique in params.yaml."""
    path = project / "params.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    for place, line in enumerate(lines):
        name = line.strip().partition(":")[0]
        if name in changes:
            lines[place] = f"{line.partition(':')[0]}: {changes[name]}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def fresh_folder(name: str) -> Path:
    """Return an empty folder below build/benchmarks."""
    folder = RESULTS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def tagged_template(folder: Path) -> Path:
    """Clone this repository's last commit and tag it, as a user would find it on a Git server. Returns the clone."""
    template = folder / "template"
    call(["git", "clone", "--quiet", "--no-hardlinks", ROOT, template])
    call(["git", "tag", "v99.0.0"], cwd=template)
    return template


def copier_copy(template: Path, destination: Path, stage: str = STAGE) -> list[str | Path]:
    """Return the command that renders a project; the newest tag is taken, as for every user."""
    # --quiet: a terminal's speed is not measured
    command = [sys.executable, "-W", "ignore", "-m", "copier", "copy", "--quiet", "--defaults"]
    return [*command, "--data", f"stage={stage}", template, destination]


def trained_project(destination: Path, stage: str = STAGE) -> Path:
    """Render, install and train a project, unless the folder already holds one."""
    if (destination / "models" / "champion" / "model.json").exists():
        return destination
    print(f"Render and train a project in {shown(destination)} (once, about a minute)", file=sys.stderr, flush=True)
    installed_project(destination, stage)
    call(["uv", "run", "--no-sync", "dvc", "repro"], cwd=destination)
    return destination


def installed_project(destination: Path, stage: str = STAGE) -> None:
    """Render a project with its first commit, and install its packages."""
    template = tagged_template(fresh_folder("trained"))
    call(copier_copy(template, destination, stage))
    call(["git", "init", "--quiet", "--initial-branch=main"], cwd=destination)
    call(["git", "add", "--all"], cwd=destination)
    identity = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost"]
    call(["git", *identity, "commit", "--quiet", "-m", "Start"], cwd=destination)
    if "UV_FIND_LINKS" in os.environ and '"torch>' in (destination / "pyproject.toml").read_text(encoding="utf-8"):
        # A newer PyTorch than that of the wheels here would come with gigabytes for GPUs.
        call(["uv", "lock", "--upgrade-package", HELD_TORCH], cwd=destination)
    call(["uv", "sync"], cwd=destination)


def shown(path: Path) -> str:
    """Return a path as people want to read it: relative to the repository where it lies in there."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return float(statistics.median(values))


def verdict(met: bool) -> str:
    """Say whether a target is met."""
    return "met" if met else "NOT met"


def table(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table as it is kept in the result file."""
    return {"title": title, "headers": list(headers), "rows": [list(row) for row in rows]}


def markdown(content: Table) -> str:
    """Return a table in Markdown: the first column is text, the others are figures."""
    lines = [f"**{content['title']}**", "", "| " + " | ".join(content["headers"]) + " |"]
    lines.append("| --- |" + " ---: |" * (len(content["headers"]) - 1))
    lines += ["| " + " | ".join(row) + " |" for row in content["rows"]]
    return "\n".join(lines)


def machine() -> str:
    """Describe the machine without naming it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores, {platform.system()} on {platform.machine()}, Python {platform.python_version()}"


def publish(name: str, how: str, tables: Sequence[Table], data: Mapping[str, Any]) -> None:
    """Write the result file and print its tables.

    Args:
        name: The file is build/benchmarks/NAME.json.
        how: One sentence: how often, how long, which versions.
        tables: What a reader sees.
        data: Every single measurement.
    """
    RESULTS.mkdir(parents=True, exist_ok=True)
    result = {
        "measured": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "how": how,
        "tables": list(tables),
        "data": dict(data),
    }
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"\n{text_of(result)}\n\nWritten to {shown(path)}")


def text_of(result: Mapping[str, Any]) -> str:
    """Return a whole result in Markdown, with its date and machine."""
    parts = [f"Measured {result['measured']} on {result['machine']}. {result['how']}"]
    return "\n\n".join([*parts, *(markdown(content) for content in result["tables"])])
