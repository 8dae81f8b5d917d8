# /// script
# requires-python = ">=3.11"
# dependencies = ["copier>=9.6,<10"]
# ///
"""How long is it from nothing to the first prediction? `uv run benchmarks/first_prediction.py`.

Renders the template, installs the project from a warm package cache, and runs `uv run poe demo`, which makes the first
commit, runs the pipeline, writes the report and starts the service. What the demo prints tells when each part ends.
Then `mlflow.log_model` is timed with the packages named, as the project does it, and with MLflow finding them out.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from common import (
    RESULTS,
    call,
    copier_copy,
    environment,
    free_port,
    fresh_folder,
    median,
    publish,
    table,
    tagged_template,
    timed,
    verdict,
)
from load import post, wait_for_answer

LIMIT_S = 120  # the demo, from the command to the first answer of the page
# What the demo prints, and what the part is called here.
STEPS = {
    "Start a git repository": "`git` init, add, commit",
    "Stage the project": "`git` init, add, commit",
    "First commit": "`git` init, add, commit",
    "Run the pipeline": "DVC starts",
    "Write the results into the README": "report",
    "Serve the model": "service starts, until the page answers",
}
LOG_MODEL = Path(__file__).parent / "peers" / "log_model.py"


def demo_seconds(project: Path) -> dict[str, float]:
    """Run the demo of a fresh project until it predicts, and return the seconds of each part."""
    port = free_port()
    marks: list[tuple[str, float]] = []
    started = time.perf_counter()
    demo = subprocess.Popen(
        ["uv", "run", "poe", "demo"],  # noqa: S607
        cwd=project,
        env=environment(PORT=str(port), PYTHONUNBUFFERED="1", MPLBACKEND="agg"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    reader = threading.Thread(target=note_marks, args=(demo, marks), daemon=True)
    reader.start()
    try:
        page = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        wait_for_answer(port, page, demo, limit_s=900, pause_s=0.05)
        page_at = time.perf_counter()
        row = json.loads((project / "models/champion/model.json").read_text(encoding="utf-8"))["example"]
        wait_for_answer(port, post("/predict", json.dumps({"rows": [row]}).encode()), demo, limit_s=60)
        predicted_at = time.perf_counter()
    finally:
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGINT)  # as Ctrl+C
            demo.wait(timeout=30)
    marks = [("`uv run poe demo` starts", started), *marks, ("", page_at)]
    parts: dict[str, float] = {}
    for (name, begin), (_, end) in pairwise(marks):
        parts[name] = parts.get(name, 0.0) + end - begin
    return parts | {"first prediction": predicted_at - page_at, "demo": page_at - started}


def note_marks(demo: "subprocess.Popen[str]", marks: list[tuple[str, float]]) -> None:
    """Note when a line of the demo says that a part begins: its own steps, and DVC's stages."""
    for line in demo.stdout or ():
        if line.startswith("=== "):
            title = line[4:].split(":")[0].strip()
            marks.append((STEPS.get(title, title), time.perf_counter()))
        elif line.startswith("Running stage "):
            marks.append((f"stage {line.split()[2].strip(':').strip(chr(39))}", time.perf_counter()))
        elif line.startswith(("Use `dvc push`", "Everything is up to date")):
            marks.append(("DVC ends", time.perf_counter()))


def main() -> None:
    """Time all parts, several times, and publish the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    template = tagged_template(fresh_folder("first"))
    project = RESULTS / "first" / "warm"
    call(copier_copy(template, project))
    call(["uv", "sync"], cwd=project)  # fills the package cache

    measured: list[dict[str, float]] = []
    for run in range(1, runs + 1):
        project = RESULTS / "first" / f"project-{run}"
        parts = {"`copier copy`": timed(copier_copy(template, project))}
        parts["`uv sync`: choose versions and install"] = timed(["uv", "sync"], cwd=project)
        parts |= demo_seconds(project)
        measured.append(parts)
        print(f"run {run}: " + ", ".join(f"{name} {s:.1f}" for name, s in parts.items()), file=sys.stderr, flush=True)

    names = [name for name in measured[0] if name != "demo"]
    rows = [[name, f"{median([parts[name] for parts in measured]):.1f}"] for name in names]
    total = median([sum(parts[name] for name in names) for parts in measured])
    demo = median([parts["demo"] + parts["`uv sync`: choose versions and install"] for parts in measured])
    rows.append(["**total**", f"**{total:.1f}**"])
    target = f"under {LIMIT_S}: {verdict(demo < LIMIT_S)}"
    rows.append(
        [f"of which `uv run poe demo` with its installation, until the page answers (target: {target})", f"{demo:.1f}"]
    )

    logged = log_model_seconds(project, runs)
    log_rows = [[name, f"{median(seconds):.2f}"] for name, seconds in logged.items()]
    tables = [
        table("From `copier copy` to the first prediction", ["part", "seconds"], rows),
        table("`mlflow.sklearn.log_model`", ["requirements", "seconds"], log_rows),
    ]
    how = f"Median of {runs} runs with a warm package cache; the template is a local Git clone with a tag."
    publish("first_prediction", how, tables, {"runs": measured, "log_model": logged})


def log_model_seconds(project: Path, runs: int) -> dict[str, list[float]]:
    """Time `log_model` in the trained project, each time in a process of its own."""
    seconds: dict[str, list[float]] = {"named, as the project does": [], "found out by MLflow": []}
    for _ in range(runs):
        for (name, times), inferred in zip(seconds.items(), ("named", "inferred"), strict=True):
            output = call(["uv", "run", "--no-sync", "python", LOG_MODEL, inferred], cwd=project)
            result: dict[str, Any] = json.loads(output.splitlines()[-1])
            times.append(result["seconds"])
            print(f"log_model {name}: {times[-1]:.2f} s", file=sys.stderr, flush=True)
    return seconds


if __name__ == "__main__":
    main()
