# /// script
# requires-python = ">=3.11"
# dependencies = ["copier>=9.6,<10"]
# ///
"""How long, how large and how good is the pipeline on all flights? `uv run benchmarks/flights.py`.

Renders the stage `feature_classification`, runs `dvc repro` on all 327,346 labelled flights, and notes the seconds of
each pipeline stage and the memory of all its processes. Then features are computed for all rows at once, for 1000 and
for one, as training and the service do. The peer is scikit-learn's gradient boosting as it comes, on the raw join of
the same tables, trained and tested on the same days by code of its own (`peers/plain_flights.py`).
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from common import RESULTS, call, environment, fresh_folder, installed_project, publish, table, verdict
from load import memory_mb

STAGE, PACKAGE = "feature_classification", "late_flight_predictor"
LIMIT_S, LIMIT_MB = 300, 4000
PEER = Path(__file__).parent / "peers" / "plain_flights.py"
MEMORY_PAUSE_S = 0.5

# Features of all rows, of 1000 and of one, with the model in service: seconds for each, the median of several times.
FEATURES = """
import json, statistics, sys, time
from pathlib import Path
import pandas as pd
from {package}.predict import Predictor

predictor = Predictor.load(Path("models/champion"))
frame = pd.concat(pd.read_parquet(f"data/prepared/{{part}}.parquet") for part in ("train", "test"))
names = [column.name for column in predictor.card.columns]
some = frame.sample(1000, random_state=0)
rows = json.loads(some[names].to_json(orient="records", double_precision=15, date_format="iso", date_unit="s"))

def seconds(work, times):
    found = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return statistics.median(found)

print(json.dumps({{
    "rows": len(frame),
    "features": len(predictor.card.plan.features),
    "all": seconds(lambda: predictor.features.from_frame(frame), 5),
    "thousand": seconds(lambda: predictor.features.from_rows(rows), 20),
    "one": seconds(lambda: predictor.features.from_rows(rows[:1]), 200),
}}))
"""


def run_pipeline(project: Path) -> tuple[dict[str, float], float]:
    """Run the pipeline and return the seconds of each stage and the largest memory of all its processes, in MB."""
    marks: list[tuple[str, float]] = [("DVC starts", time.perf_counter())]
    process = subprocess.Popen(
        ["uv", "run", "--no-sync", "dvc", "repro"],  # noqa: S607
        cwd=project,
        env=environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    peak = 0.0

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            peak = max(peak, memory_mb(process.pid))
            time.sleep(MEMORY_PAUSE_S)

    watcher = threading.Thread(target=watch)
    watcher.start()
    printed = []
    for line in process.stdout or ():
        printed.append(line)
        if line.startswith("Running stage "):
            marks.append((f"stage {line.split()[2].strip(':').strip(chr(39))}", time.perf_counter()))
    watcher.join()
    if process.wait() != 0:
        raise SystemExit("dvc repro failed:\n" + "".join(printed)[-3000:])
    marks.append(("", time.perf_counter()))
    return {name: end - begin for (name, begin), (_, end) in pairwise(marks)}, peak


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    project = fresh_folder("flights") / "project"
    installed_project(project, STAGE)
    print("run the pipeline", file=sys.stderr, flush=True)
    stages, peak_mb = run_pipeline(project)
    total = sum(stages.values())
    report: dict[str, Any] = json.loads((project / "reports" / "metrics.json").read_text(encoding="utf-8"))
    print("compute features", file=sys.stderr, flush=True)
    python = ["uv", "run", "--no-sync", "python", "-c", FEATURES.format(package=PACKAGE)]
    speed: dict[str, float] = json.loads(call(python, cwd=project).splitlines()[-1])
    print("train the peer", file=sys.stderr, flush=True)
    peer: dict[str, float] = json.loads(call(["uv", "run", "--script", PEER]).splitlines()[-1])
    if peer["test_rows"] != report["rows"]:
        raise SystemExit(f"the peer was tested on {peer['test_rows']} rows, we on {report['rows']}")

    ours = {name: report["model"][name]["value"] for name in ("roc_auc", "average_precision", "brier", "log_loss")}
    times = [[name, f"{seconds:.1f}"] for name, seconds in stages.items()]
    times.append([f"**`dvc repro`** (target: under {LIMIT_S}: {verdict(total < LIMIT_S)})", f"**{total:.1f}**"])
    memory = [
        ["largest memory (PSS) of all processes", f"{peak_mb:.0f}", f"under {LIMIT_MB}: {verdict(peak_mb < LIMIT_MB)}"]
    ]
    names = {
        "all": f"a table of {speed['rows']} rows",
        "thousand": "a request of 1000 rows",
        "one": "a request of one row",
    }
    sizes = {"all": speed["rows"], "thousand": 1000, "one": 1}
    alone = sizes["one"] / speed["one"]
    rates = [
        [
            text,
            f"{speed[name] * 1000:.2f}",
            f"{sizes[name] / speed[name]:,.0f}",
            f"{sizes[name] / speed[name] / alone:.0f}",
        ]
        for name, text in names.items()
    ]
    quality = [
        [title, *(f"{figures[name]:.4f}" for name in ours)]
        for title, figures in (
            ("this template's model", ours),
            ("HistGradientBoostingClassifier on the raw join", peer),
        )
    ]
    better = ours["roc_auc"] >= peer["roc_auc"]
    quality.append(
        [
            f"ours against the peer (ROC AUC: at least equal: {verdict(better)})",
            *(f"{ours[name] - peer[name]:+.4f}" for name in ours),
        ]
    )
    tables = [
        table("All flights through the pipeline", ["part", "seconds"], times),
        table("Memory", ["", "MB", "target"], memory),
        table(f"{speed['features']:.0f} features", ["of", "ms", "rows/s", "times one row alone"], rates),
        table("The newest days", ["model", "ROC AUC", "average precision", "Brier score", "log loss"], quality),
    ]
    rows = f"{speed['rows']} flights, {report['rows']} of them for testing"
    how = f"One run on {rows}; scikit-learn {peer['scikit_learn']}."
    data = {"stages": stages, "peak_mb": peak_mb, "features": speed, "model": ours, "peer": peer}
    publish("flights", how, tables, data)
    call(["rm", "-rf", project / ".dvc" / "cache"])
    print(f"The project is in {project.relative_to(RESULTS.parent.parent)}")


if __name__ == "__main__":
    main()
