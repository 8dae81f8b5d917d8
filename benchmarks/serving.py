# /// script
# requires-python = ">=3.11"
# dependencies = ["copier>=9.6,<10"]
# ///
"""How does the generated service compare with other ways to serve the same model? `uv run benchmarks/serving.py`.

Every contender answers the same real row of the Ames table (and the same 1000 rows) with the same trained model, and
its answer is compared with ours before anything is measured. They run one at a time, in turn, in several rounds; a
figure is the median of the rounds. Each has one worker, compiled bytecode and OMP_NUM_THREADS=1. Our service runs as
in its image: the production packages only, with validation, limits and metrics on.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import (
    PACKAGE,
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
from load import alone, loaded, memory_mb, on_one_connection, post, wait_for_answer

PEERS = Path(__file__).parent / "peers"
CONNECTIONS = 32
MANY_ROWS = 1000
MISSING = "(missing)"

Row = dict[str, float | str | None]


def rows_body(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the body that our service and most peers take."""
    return {"rows": rows}


def mlflow_body(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the body that MLflow takes; its model expects a missing category as the pipeline does."""
    return {"dataframe_records": rows}


@dataclass(frozen=True)
class Contender:
    """A way to serve the model.

    Attributes:
        title: In the table.
        script: In peers/; None for our own service.
        packages: Whose versions are reported.
        path: Where it answers.
        body: Makes the body of a request from rows.
        settings: Its environment variables.
    """

    title: str
    script: str | None = None
    packages: tuple[str, ...] = ()
    path: str = "/predict"
    body: Callable[[Sequence[Row]], dict[str, Any]] = rows_body
    settings: dict[str, str] = field(default_factory=dict)


CONTENDERS = {
    "service": Contender("this template's service", settings={"ACCESS_LOG": "false"}),
    "service-log": Contender("the same, with its access log", settings={"ACCESS_LOG": "true"}),
    "mlflow": Contender(
        "`mlflow models serve`", "mlflow_serve.py", ("mlflow", "scikit-learn"), "/invocations", mlflow_body
    ),
    "bentoml": Contender(
        "BentoML, scikit-learn", "bentoml_service.py", ("bentoml", "scikit-learn"), settings={"BATCHING": "off"}
    ),
    "bentoml-batch": Contender(
        "BentoML, adaptive batching", "bentoml_service.py", ("bentoml",), settings={"BATCHING": "on"}
    ),
    "litserve": Contender(
        "LitServe, scikit-learn", "litserve_server.py", ("litserve",), settings={"BATCH": "1", "MODEL": "sklearn"}
    ),
    "litserve-batch": Contender(
        "LitServe, batches up to 32", "litserve_server.py", ("litserve",), settings={"BATCH": "32", "MODEL": "sklearn"}
    ),
    "litserve-onnx": Contender(
        "LitServe, batches up to 32, our ONNX graph",
        "litserve_server.py",
        ("litserve", "onnxruntime"),
        settings={"BATCH": "32", "MODEL": "onnx"},
    ),
    "fastapi": Contender(
        "plain FastAPI, our ONNX graph", "fastapi_rows.py", ("fastapi", "onnxruntime"), settings={"MODEL": "onnx"}
    ),
    "fastapi-sklearn": Contender(
        "plain FastAPI, scikit-learn", "fastapi_rows.py", ("fastapi", "scikit-learn"), settings={"MODEL": "sklearn"}
    ),
    "floor": Contender("bare ASGI, a constant answer", "bare_asgi.py", ("uvicorn",)),
}


@dataclass(frozen=True)
class Target:
    """A promise: `figure` of `peer` divided by ours (or ours by the peer's) is at least (or at most) `bound`."""

    text: str
    figure: str
    peer: str
    bound: float
    more_is_better: bool = False
    at_most: bool = False  # ours may be at most `bound` times the peer's

    def ratio(self, results: dict[str, dict[str, float]]) -> float:
        """Return how many times better we are, or, with `at_most`, how many times the peer's figure ours is."""
        ours, theirs = results["service"][self.figure], results[self.peer][self.figure]
        return ours / theirs if self.more_is_better or self.at_most else theirs / ours

    def met(self, results: dict[str, dict[str, float]]) -> bool:
        """Say whether the promise holds."""
        ratio = self.ratio(results)
        return ratio <= self.bound if self.at_most else ratio >= self.bound


TARGETS = [
    Target("requests/s, times MLflow's", "requests_s", "mlflow", 20, more_is_better=True),
    Target("requests/s, times BentoML's", "requests_s", "bentoml", 8, more_is_better=True),
    Target("requests/s, times LitServe's with batches of 32", "requests_s", "litserve-batch", 3.5, more_is_better=True),
    Target("p50 of one row, so many times shorter than MLflow's", "p50_ms", "mlflow", 20),
    Target("p50 of one row, as a multiple of the bare ASGI app's", "p50_ms", "floor", 4, at_most=True),
    Target("1000 rows in a call, so many times faster than plain FastAPI", "many_rows_ms", "fastapi", 2),
    Target("cold start, so many times faster than MLflow's", "cold_start_s", "mlflow", 5),
    Target("memory, so many times less than MLflow's", "memory_mb", "mlflow", 4),
]


class Harness:
    """Starts a contender, measures it, stops it."""

    def __init__(self, project: Path, seconds: float, requests: int) -> None:
        self.project = project
        self.seconds = seconds
        self.requests = requests
        self.work = fresh_folder("serving")
        card = json.loads((project / "models/champion/model.json").read_text(encoding="utf-8"))
        candidate = json.loads((project / "models/candidate/model.json").read_text(encoding="utf-8"))
        if card["version"] != candidate["version"]:
            raise SystemExit("The champion is not the newest candidate: the contenders would serve two models.")
        self.categories = [column["name"] for column in card["columns"] if column["kind"] == "category"]
        self.one: list[Row] = [card["example"]]
        self.many = held_out_rows(project, card["columns"])[:MANY_ROWS]
        self.expected: float | None = None
        logged = max(project.glob("mlruns/*/models/*/artifacts/MLmodel"), key=lambda path: path.stat().st_mtime)
        self.settings = {
            "OMP_NUM_THREADS": "1",
            "MODEL_DIR": str(project / "models/champion"),
            "CANDIDATE_DIR": str(project / "models/candidate"),
            "MLFLOW_MODEL": str(logged.parent),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "BENTOML_DO_NOT_TRACK": "True",
            "BENTOML_HOME": str(self.work / "bentoml"),
            "PYTHONUNBUFFERED": "1",
        }
        self.commands: dict[str, list[str]] = {}
        self.versions: dict[str, str] = {}

    def prepare(self, name: str) -> None:
        """Install what a contender needs, compiled, and note the versions."""
        contender = CONTENDERS[name]
        if contender.script is None:
            folder = self.project / ".venv-service"
            install = ["uv", "sync", "--locked", "--no-default-groups", "--no-editable", "--compile-bytecode"]
            call([*install, "--reinstall-package", PACKAGE], cwd=self.project, UV_PROJECT_ENVIRONMENT=str(folder))
            python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
            self.commands[name] = [str(python), "-m", f"{PACKAGE}.serve"]
            wanted: tuple[str, ...] = ("fastapi", "uvicorn", "onnxruntime")
        else:
            script = PEERS / contender.script
            call(["uv", "sync", "--script", script], UV_COMPILE_BYTECODE="1")
            python = Path(call(["uv", "python", "find", "--script", script]).strip())
            self.commands[name] = [str(python), str(script)]
            wanted = contender.packages
        code = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
        found = call([python, "-c", code, *wanted]).split()
        self.versions |= dict(zip(wanted, found, strict=True))

    def measure(self, name: str) -> dict[str, float]:
        """Start a contender, measure everything, stop it."""
        contender = CONTENDERS[name]
        port = free_port()
        one, many = (self.body(contender, rows) for rows in (self.one, self.many))
        body_file = self.work / f"{name}.json"
        body_file.write_bytes(one)
        request = post(contender.path, one)
        log_path = self.work / f"{name}.log"
        with log_path.open("ab") as log:
            started = time.perf_counter()
            server = subprocess.Popen(  # noqa: S603
                self.commands[name],
                cwd=self.work,
                env=environment(**self.settings, **contender.settings, PORT=str(port)),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                answer = wait_for_answer(port, request, server, limit_s=120)
                figures = {"cold_start_s": time.perf_counter() - started}
                self.compare(name, answer)
                figures |= alone(port, request, self.requests)
                figures |= loaded(port, contender.path, body_file, CONNECTIONS, self.seconds)
                figures["memory_mb"] = memory_mb(server.pid)
                figures["many_rows_ms"] = median(on_one_connection(port, post(contender.path, many), 3, 21))
            except Exception:
                print(f"{name} failed; the end of its log:\n{log_path.read_text()[-2000:]}", file=sys.stderr)
                raise
            finally:
                stop(server)
        return figures

    def body(self, contender: Contender, rows: Sequence[Row]) -> bytes:
        """Return the body of a request as bytes."""
        if contender.body is mlflow_body:
            rows = [
                {name: MISSING if value is None and name in self.categories else value for name, value in row.items()}
                for row in rows
            ]
        return json.dumps(contender.body(rows)).encode()

    def compare(self, name: str, answer: bytes) -> None:
        """Check that a contender predicts what our service predicts: a wrong answer may be fast."""
        if name == "floor":
            return
        value = first_number(json.loads(answer))
        self.expected = self.expected if self.expected is not None else value
        if abs(value / self.expected - 1) > 1e-3:
            raise SystemExit(f"{name} predicts {value}, others predict {self.expected}")


def held_out_rows(project: Path, columns: Sequence[dict[str, Any]]) -> list[Row]:
    """Return real rows that training did not see, so that some are unusual; the project's own packages read them."""
    code = (
        "import sys, pandas as pd; parts = [pd.read_parquet(f'data/prepared/{part}.parquet') "
        "for part in ('test', 'calibration')]; print(pd.concat(parts)[sys.argv[1:]].to_json(orient='records'))"
    )
    names = [column["name"] for column in columns]
    rows: list[Row] = json.loads(call(["uv", "run", "--no-sync", "python", "-c", code, *names], cwd=project))
    return rows


def first_number(answer: Any) -> float:
    """Return the first prediction, however it is wrapped."""
    if isinstance(answer, dict):
        answer = answer.get("predictions", answer.get("prediction"))
    return float(answer) if isinstance(answer, int | float) else first_number(answer[0] if answer else None)


def stop(server: subprocess.Popen[bytes]) -> None:
    """End a server and all processes that it started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, sign)
        except ProcessLookupError:
            break
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            continue
        time.sleep(0.3)  # its children
    server.wait()


def main() -> None:
    """Prepare all contenders, measure them in turn, publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, default=RESULTS / "project", help="a trained project")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8, help="of load at 32 connections")
    parser.add_argument("--requests", type=int, default=1000, help="for the latency on one connection")
    parser.add_argument("--only", nargs="*", choices=CONTENDERS, help="a first look, kept apart")
    options = parser.parse_args()
    names = options.only or list(CONTENDERS)
    harness = Harness(trained_project(options.project.resolve()), options.seconds, options.requests)
    for name in names:
        print(f"install {name}", file=sys.stderr, flush=True)
        harness.prepare(name)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(1, options.rounds + 1):
        for name in names:
            figures = harness.measure(name)
            rounds[name].append(figures)
            shown = ", ".join(f"{figure} {value:.4g}" for figure, value in figures.items())
            print(f"round {number}  {name}: {shown}", file=sys.stderr, flush=True)
    results = {
        name: {figure: median([each[figure] for each in measured]) for figure in measured[0]}
        for name, measured in rounds.items()
    }

    headers = [
        "server", "p50 one row, ms", "p99 one row, ms", f"requests/s at {CONNECTIONS}",
        f"{MANY_ROWS} rows in a call, ms", "cold start, s", "memory (PSS), MB",
    ]  # fmt: skip
    figures_shown = {"p50_ms": ".2f", "p99_ms": ".2f", "requests_s": ".0f", "many_rows_ms": ".1f"}
    figures_shown |= {"cold_start_s": ".2f", "memory_mb": ".0f"}
    body = [
        [CONTENDERS[name].title, *(format(figures[key], spec) for key, spec in figures_shown.items())]
        for name, figures in results.items()
    ]
    tables = [table("Serving the same model", headers, body)]
    if all({"service", target.peer} <= results.keys() for target in TARGETS):
        lines = []
        for target in TARGETS:
            bound = f"{'at most' if target.at_most else 'at least'} {target.bound:g}"
            lines.append([target.text, f"{target.ratio(results):.1f}", bound, verdict(target.met(results))])
        tables.append(table("Targets", ["this template's service", "measured", "target", ""], lines))
    versions = ", ".join(f"{package} {version}" for package, version in sorted(harness.versions.items()))
    how = (
        f"{options.rounds} rounds in turn, {options.requests} requests for the latencies, {options.seconds:.0f} s of "
        f"wrk for the requests/s, one worker each; {versions}."
    )
    publish(
        "serving" if options.only is None else "serving_first_look",
        how,
        tables,
        {"rounds": rounds, "versions": harness.versions},
    )


if __name__ == "__main__":
    main()
