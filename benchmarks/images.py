# /// script
# requires-python = ">=3.11"
# dependencies = ["copier>=9.6,<10"]
# ///
"""How good is the image classifier after 1, 5 and 10 minutes, and how fast is it? `uv run benchmarks/images.py`.

Renders the stage `image_classifier` and trains it on all training images of Fashion-MNIST within each budget. The peer
is the plain two-layer CNN of PyTorch's MNIST example (`peers/mnist_cnn.py`), trained in the same run and tested when
each budget is over; its schedule does not depend on the budget. The time of ours is that of the whole process, start
and export included, the peer's that of its loop alone. `--full build/clothes` adds the run of the example (after
`uv run poe demo clothes`), which trained with the parameters as they are.

Then the service with that network is asked over HTTP, and the same network in PyTorch behind plain FastAPI
(`peers/torch_service.py`).
"""

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from common import (
    call,
    change,
    environment,
    free_port,
    fresh_folder,
    installed_project,
    median,
    publish,
    python,
    table,
    verdict,
)
from load import Connection, memory_mb, post, throughput, wait_for_answer

STAGE, PACKAGE = "image_classifier", "clothes_classifier"
PEERS = Path(__file__).parent / "peers"
MINUTES = (1.0, 5.0, 10.0)
# Width of the network by budget: a small one sees more epochs, which decides as long as there are few.
WIDTHS = {1.0: 16, 5.0: 32, 10.0: 32}
# What an epoch takes besides its steps: validation and a checkpoint.
VALIDATION_S = 2.0
WANTED = {5.0: 0.925}
WANTED_FULL, FULL_LIMIT_MINUTES = 0.94, 25.0
REQUESTS, CONNECTIONS, LOAD_S = 500, 32, 5.0

# Accuracy of the candidate on the test images, by the graph that would be served.
ACCURACY = """
import json
from pathlib import Path
import numpy as np
from {package}.dataset import load_part
from {package}.predict import Predictor
test = load_part("test")
named = Predictor.load(Path("models/candidate"), 0).logits(test.images).argmax(1)
print(json.dumps(float(np.mean(named == test.labels))))
"""


def train(project: Path) -> dict[str, float]:
    """Train with the parameters as they are, and judge the candidate."""
    started = time.perf_counter()
    python(project, "-m", f"{PACKAGE}.train")
    took = time.perf_counter() - started
    training = json.loads((project / "reports" / "training.json").read_text(encoding="utf-8"))
    epochs = [epoch["epoch_seconds"] for epoch in training["epochs"]]
    images = json.loads((project / "reports" / "data_quality.json").read_text(encoding="utf-8"))["split"]["train"]
    accuracy = json.loads(python(project, "-c", ACCURACY.format(package=PACKAGE)).splitlines()[-1])
    return {
        "accuracy": accuracy,
        "seconds": took,
        "epochs": len(epochs),
        "images_s": images / median(epochs),
        "epoch_s": median(epochs),
        "weights": training["weights"],
    }


def within(project: Path, minutes: float, speed: dict[str, float], width: int) -> dict[str, float]:
    """Train as many epochs as fit into a budget, start and export included.

    Args:
        project: The project.
        minutes: The budget.
        speed: What a run of one epoch took.
        width: Of the network.
    """
    epochs = 1 + max(0, int((60 * minutes - speed["seconds"]) / (speed["epoch_s"] + VALIDATION_S)))
    change(project, width=str(width), epochs=str(epochs), patience=str(epochs))
    return train(project)


def measure_service(command: list[str | Path], project: Path, body: Path, settings: dict[str, str]) -> dict[str, float]:
    """Start a server, ask it, stop it."""
    port = free_port()
    request = post("/predict", body.read_bytes())
    started = time.perf_counter()
    server = subprocess.Popen(  # noqa: S603
        [str(part) for part in command],
        cwd=project,
        env=environment(**settings, PORT=str(port)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for_answer(port, request, server, limit_s=120)
        cold = time.perf_counter() - started
        connection = Connection(port)
        connection.milliseconds(request, 100)  # warm-up
        p50 = median(connection.milliseconds(request, REQUESTS))
        connection.close()
        throughput(port, "/predict", body, CONNECTIONS, 1)  # warm-up
        load = throughput(port, "/predict", body, CONNECTIONS, LOAD_S)
        memory = memory_mb(server.pid)
    finally:
        server.terminate()
        server.wait(30)
    if load["errors"]:
        raise SystemExit(f"{load['errors']} of {load['requests']} requests failed")
    return {"p50_ms": p50, "images_s": load["requests"] / load["seconds"], "cold_s": cold, "memory_mb": memory}


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", type=Path, help="a project that was trained with the parameters as they are")
    parser.add_argument("--minutes", type=float, nargs="+", default=MINUTES, choices=MINUTES, help="the budgets")
    arguments = parser.parse_args()
    project = fresh_folder("images") / "project"
    installed_project(project, STAGE)
    call(["uv", "run", "--no-sync", "dvc", "repro", "prepare", "baselines"], cwd=project)
    print("the peer", file=sys.stderr, flush=True)
    seconds = [str(60 * minutes) for minutes in arguments.minutes]
    peers: list[dict[str, float]] = [
        json.loads(line) for line in python(project, PEERS / "mnist_cnn.py", project, *seconds).splitlines()
    ]
    rows, found = [], {}
    speeds: dict[int, dict[str, float]] = {}
    for minutes, peer in zip(arguments.minutes, peers, strict=True):
        width = WIDTHS[minutes]
        print(f"{minutes:g} minutes", file=sys.stderr, flush=True)
        if width not in speeds:  # how fast is this machine today?
            change(project, width=str(width), epochs="1", patience="1")
            speeds[width] = train(project)
        ours = within(project, minutes, speeds[width], width)
        found[f"{minutes:g}"] = {"ours": ours, "peer": peer}
        wanted = [f"better than the peer: {verdict(ours['accuracy'] > peer['accuracy'])}"]
        if minutes in WANTED:
            wanted.append(f"at least {WANTED[minutes]:.1%}: {verdict(ours['accuracy'] >= WANTED[minutes])}")
        rows.append(
            [
                f"{minutes:g}",
                f"{ours['accuracy']:.2%}",
                f"{peer['accuracy']:.2%}",
                f"{width}",
                f"{ours['epochs']:.0f} / {peer['epochs']:.1f}",
                f"{ours['seconds']:.0f} / {peer['seconds']:.0f}",
                f"{ours['images_s']:,.0f} / {peer['images_s']:,.0f}",
                "; ".join(wanted),
            ]
        )
        report(rows, found)  # what is measured is kept, whatever happens next
    if arguments.full is not None:
        found["full"], row = full_run(arguments.full)
        rows.append(row)
    found["services"] = serve(project)
    report(rows, found)


def report(rows: list[list[str]], found: dict[str, Any]) -> None:
    """Publish what has been measured so far."""
    headers = ["minutes", "accuracy", "peer", "width", "epochs", "seconds", "training images/s", "target"]
    tables = [table("Accuracy on the 10,000 test images, ours / the peer's", headers, rows)]
    if "services" in found:
        services = found["services"]
        ratio = services["ours"]["images_s"] / services["peer"]["images_s"]
        serving = [
            [name, *(f"{services[key][figure]:,.1f}" for figure in ("p50_ms", "images_s", "cold_s", "memory_mb"))]
            for name, key in (("this template", "ours"), ("FastAPI and PyTorch", "peer"))
        ]
        headers = ["server", "p50 ms", f"images/s at {CONNECTIONS}", "cold start s", "memory (PSS) MB"]
        tables.append(table(f"Serving one image a request ({ratio:.1f} times the images/s)", headers, serving))
    how = "One run. The seconds of ours are those of the whole process; the peer's are those of its loop alone."
    publish("images", how, tables, found)


def full_run(project: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the figures of a project that was trained with the parameters as they are, and their row."""
    training, metrics, quality = (
        json.loads((project / "reports" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("training", "metrics", "data_quality")
    )
    epochs = [epoch["epoch_seconds"] for epoch in training["epochs"]]
    # The median, because nobody keeps a machine free of other work for so long.
    accuracy, seconds = metrics["model"]["accuracy"]["value"], len(epochs) * median(epochs)
    width = re.search(r"width: (\d+)", (project / "params.yaml").read_text(encoding="utf-8"))
    met = accuracy >= WANTED_FULL and seconds < 60 * FULL_LIMIT_MINUTES
    row = [
        f"{seconds / 60:.1f} (default)",
        f"{accuracy:.2%}",
        "",
        width[1] if width else "",
        f"{len(epochs)}",
        f"{seconds:.0f}",
        f"{quality['split']['train'] / median(epochs):,.0f}",
        f"at least {WANTED_FULL:.0%} in under {FULL_LIMIT_MINUTES:g} minutes: {verdict(met)}",
    ]
    return {"accuracy": accuracy, "seconds": seconds, "epochs": len(epochs)}, row


def serve(project: Path) -> dict[str, Any]:
    """Measure the service with the candidate, and the peer with the same network."""
    card = json.loads((project / "models" / "candidate" / "model.json").read_text(encoding="utf-8"))
    body = project / "request.json"
    body.write_text(json.dumps({"image": card["example"]}), encoding="utf-8")
    settings = {"MODEL_DIR": "models/candidate", "OMP_NUM_THREADS": "1"}
    interpreter = project / ".venv" / "bin" / "python"
    ours = measure_service([interpreter, "-m", f"{PACKAGE}.serve"], project, body, settings | {"ACCESS_LOG": "false"})
    script = PEERS / "torch_service.py"
    peer = measure_service([interpreter, script, project, PACKAGE], project, body, settings)
    return {"ours": ours, "peer": peer}


if __name__ == "__main__":
    main()
