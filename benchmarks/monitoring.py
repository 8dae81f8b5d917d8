# /// script
# requires-python = ">=3.11"
# dependencies = ["copier>=9.6,<10"]
# ///
"""What do validation, metrics, drift counters and the record of predictions cost? `uv run benchmarks/monitoring.py`.

The service of `monitored_service` answers real flights of July with everything on, then without its record, and the
same predictor answers them behind plain FastAPI with nothing around it. They run one at a time, in turn; a figure is
the median of the rounds. Each has one worker and OMP_NUM_THREADS=1; the record goes to SQLite on the disk.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import (
    RESULTS,
    call,
    environment,
    free_port,
    fresh_folder,
    median,
    publish,
    table,
    trained_project,
    verdict,
)
from load import alone, loaded, on_one_connection, post, wait_for_answer
from serving import CONNECTIONS, MANY_ROWS, stop

STAGE = "monitored_service"
ONE, MANY = "requests_s", "many_rows_ms"
# How many of the requests/s, and how much of the time of 1000 rows, all of it together may cost.
MOST_OF_REQUESTS, MOST_OF_MANY_ROWS = 0.20, 0.10
CONTENDERS: dict[str, tuple[str, dict[str, str]]] = {
    "all": ("the service, everything on", {}),
    "no-record": ("the service without its record", {"LOG_PREDICTIONS": "false"}),
    "bare": ("plain FastAPI around the predictor", {}),
}
ROWS_CODE = """
import json, sys
from {package}.params import load_params
from {package}.replay import to_play
print(json.dumps(to_play(load_params(), 1)[0].rows[:int(sys.argv[1])]))
"""


class Harness:
    """Starts a contender, measures it, stops it."""

    def __init__(self, project: Path, seconds: float, requests: int) -> None:
        self.project, self.seconds, self.requests = project, seconds, requests
        self.package = next((project / "src").iterdir()).name
        self.python = project / ".venv" / "bin" / "python"
        self.work = fresh_folder("monitoring")
        code = ROWS_CODE.format(package=self.package)
        self.rows: list[Any] = json.loads(call([self.python, "-c", code, str(MANY_ROWS)], cwd=project))
        self.expected: list[float] | None = None

    def command(self, name: str) -> list[str]:
        """Return the command that starts a contender."""
        if name == "bare":
            return [str(self.python), str(Path(__file__).parent / "peers" / "bare_predictor.py")]
        return [str(self.python), "-m", f"{self.package}.serve"]

    def measure(self, name: str) -> dict[str, float]:
        """Measure one contender: alone on a connection, 32 connections, 1000 rows in a call."""
        port, log_path = free_port(), self.work / f"{name}.log"
        (self.work / "record.db").unlink(missing_ok=True)
        settings = {
            "OMP_NUM_THREADS": "1",
            "ACCESS_LOG": "false",
            "MODEL_DIR": str(self.project / "models" / "champion"),
            "DATABASE_URL": f"sqlite:///{self.work / 'record.db'}",
            "PACKAGE": self.package,
            "PORT": str(port),
        }
        body = self.work / "one.json"
        body.write_text(json.dumps({"rows": self.rows[:1]}), encoding="utf-8")
        one, many = post("/predict", body.read_bytes()), post("/predict", json.dumps({"rows": self.rows}).encode())
        with log_path.open("wb") as log:
            server = subprocess.Popen(  # noqa: S603
                self.command(name),
                cwd=self.work,
                env=environment(**settings, **CONTENDERS[name][1]),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                self.compare(name, wait_for_answer(port, many, server, limit_s=120))
                figures = alone(port, one, self.requests)
                figures |= loaded(port, "/predict", body, CONNECTIONS, self.seconds)
                return figures | {MANY: median(on_one_connection(port, many, 5, 41))}
            finally:
                stop(server)

    def compare(self, name: str, answer: bytes) -> None:
        """Check that all predict the same."""
        found = [each["probability"] for each in json.loads(answer)["predictions"]]
        self.expected = self.expected or found
        if max(abs(mine - theirs) for mine, theirs in zip(found, self.expected, strict=True)) > 1e-6:
            raise SystemExit(f"{name} predicts something else than the others")


def main() -> None:
    """Measure in turn and publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, default=RESULTS / STAGE, help="a trained project")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6, help="of load at 32 connections")
    parser.add_argument("--requests", type=int, default=1000, help="for the latency on one connection")
    options = parser.parse_args()
    harness = Harness(trained_project(options.project.resolve(), STAGE), options.seconds, options.requests)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for number in range(1, options.rounds + 1):
        for name in CONTENDERS:
            figures = harness.measure(name)
            rounds[name].append(figures)
            shown = ", ".join(f"{figure} {value:.4g}" for figure, value in figures.items())
            print(f"round {number}  {name}: {shown}", file=sys.stderr, flush=True)
    publish(
        "monitoring",
        f"{options.rounds} rounds in turn, {options.requests} requests for the latencies, {options.seconds:g} s of wrk "
        f"at {CONNECTIONS} connections, 41 calls of {MANY_ROWS} rows; one worker each.",
        tables(rounds),
        {"rounds": rounds},
    )


def tables(rounds: dict[str, list[dict[str, float]]]) -> Sequence[dict[str, Any]]:
    """Return the figures and what became of the targets."""
    results = {
        name: {figure: median([each[figure] for each in measured]) for figure in measured[0]}
        for name, measured in rounds.items()
    }
    shown = {"p50_ms": ".2f", "p99_ms": ".2f", ONE: ".0f", "loaded_p99_ms": ".1f", MANY: ".1f"}
    headers = [
        "server", "p50 one row, ms", "p99 one row, ms", f"requests/s at {CONNECTIONS}", f"p99 at {CONNECTIONS}, ms",
        f"{MANY_ROWS} rows in a call, ms",
    ]  # fmt: skip
    body = [
        [CONTENDERS[name][0], *(format(results[name][figure], spec) for figure, spec in shown.items())]
        for name in CONTENDERS
    ]
    costs = []
    for name, text in (("bare", "all of it together"), ("no-record", "the record alone")):
        requests = 1 - results["all"][ONE] / results[name][ONE]
        many = results["all"][MANY] / results[name][MANY] - 1
        row = [text, f"{requests:.1%}", f"{many:.1%}"]
        if name == "bare":
            row[1] += f" (at most {MOST_OF_REQUESTS:.0%}: {verdict(requests <= MOST_OF_REQUESTS)})"
            row[2] += f" (at most {MOST_OF_MANY_ROWS:.0%}: {verdict(many <= MOST_OF_MANY_ROWS)})"
        costs.append(row)
    return [
        table("The same predictions", headers, body),
        table("What it costs", ["", "of the requests/s", f"time of {MANY_ROWS} rows, more"], costs),
    ]


if __name__ == "__main__":
    main()
