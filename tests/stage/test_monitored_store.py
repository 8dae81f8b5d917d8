"""The store of the monitored service on a real PostgreSQL server, Debian's; also when it stops and starts again."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from needed import lacks

from .conftest import free_port
from .project import PATIENCE_SECONDS, Project

pytestmark = [pytest.mark.slow, pytest.mark.stages("monitored_service")]

# In the project's own tests: the database of a test, and what takes its place here.
SQLITE = "f\"sqlite:///{(tmp_path / 'monitoring.db').as_posix()}\""
NEW_DATABASE = """

def new_database(folder: Path) -> str:
    import psycopg

    name = f"d{abs(hash(str(folder)))}"
    with psycopg.connect("SERVER/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"SERVER/{name}".replace("postgresql://", "postgresql+psycopg://")
"""
KEPT = """
import json, sys
from datetime import datetime
from {package}.store import Store
store = Store({url!r})
requests = store.requests_between(datetime(1900, 1, 1), datetime(2900, 1, 1))
ids = [request.request_id for request in requests]
print(json.dumps({{"ids": ids, "rows": sum(request.rows for request in requests), "outcomes": store.outcomes_of(ids)}}))
store.close()
"""


@dataclass(frozen=True)
class Postgres:
    """A server of its own in a folder. It does not run as root, which PostgreSQL refuses."""

    programs: Path
    folder: Path
    port: int
    user: str | None

    @property
    def url(self) -> str:
        """Address of the server, without a database."""
        return f"postgresql://service@127.0.0.1:{self.port}"

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs; a server that it starts goes on, so that its output is no pipe."""
        command = [str(self.programs / program), "--pgdata", str(self.folder / "data"), *arguments]
        log = self.folder / "programs.log"
        with log.open("a", encoding="utf-8") as output:
            done = subprocess.run(
                command, cwd=self.folder, user=self.user, stdout=output, stderr=subprocess.STDOUT, check=False
            )
        assert done.returncode == 0, log.read_text(encoding="utf-8")

    def create(self) -> None:
        """Make an empty database cluster."""
        self.run("initdb", "--auth=trust", "--username=service", "--encoding=UTF8", "--locale=C", "--no-sync")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off"
        self.run("pg_ctl", "--wait", "--log", str(self.folder / "server.log"), "--options", options, "start")

    def stop(self) -> None:
        """Cut all connections and stop the server."""
        self.run("pg_ctl", "--wait", "--mode=fast", "stop")


def programs_of_postgresql() -> Path:
    """Return the folder of Debian's PostgreSQL, which is installed where that is possible; CI must have it."""
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")) and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "install", "--yes", "--quiet", "postgresql"], env=quiet, check=False)
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        lacks("no PostgreSQL server (Debian: apt-get install postgresql)")
    return found[-1].parent


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A server that runs; a test that stops it starts it again."""
    programs = programs_of_postgresql()
    # Not below pytest's folder, which nobody but its owner may enter.
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as name:
        user = "postgres" if os.geteuid() == 0 else None
        if user is not None:
            shutil.chown(name, user)
        server = Postgres(programs, Path(name), free_port(), user)
        server.create()
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="module")
def equipped(trained: Project, uv: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A trained project with an environment of its own, which has the driver of PostgreSQL."""
    copy = trained.copy_to(tmp_path_factory.mktemp("postgres") / "project")
    subprocess.run([uv, "sync", "--quiet", "--group", "postgres"], cwd=copy.path, env=copy.variables, check=True)
    return Project(copy.path, copy.package, copy.path / ".venv", copy.variables)


def metrics(client: httpx.Client, beginning: str) -> dict[str, float]:
    """Metrics without labels whose names begin so, without that beginning."""
    lines = re.findall(rf"^{beginning}(\w+) (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return {name: float(value) for name, value in lines}


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_projects_own_tests_of_store_and_log_hold_on_postgresql(equipped: Project, postgres: Postgres) -> None:
    names = ["test_store.py", "test_prediction_log.py"]
    originals = {name: (equipped.path / "tests" / name).read_text(encoding="utf-8") for name in names}
    copies = []
    for name, text in originals.items():
        assert SQLITE in text
        copy = equipped.path / "tests" / name.replace(".py", "_postgresql.py")
        changed = text.replace(SQLITE, "new_database(tmp_path)") + NEW_DATABASE.replace("SERVER", postgres.url)
        copy.write_text(changed, encoding="utf-8")
        copies.append(f"tests/{copy.name}")
    # One of them looks into the file of SQLite.
    done = equipped.run("pytest", "-q", "-k", "not reads_for_long", *copies)
    assert re.search(r"^\d\d passed", done.stdout, re.MULTILINE), done.stdout


def test_while_postgresql_is_stopped_the_service_answers_and_no_row_is_lost(
    equipped: Project, postgres: Postgres
) -> None:
    url, example = f"{postgres.url}/postgres", equipped.example()
    (row,) = example["rows"]
    sent: list[str] = []

    def predict(client: httpx.Client, calls: int, rows: int) -> None:
        for _ in range(calls):
            answer = client.post("/predict", json={"rows": [row] * rows})
            assert answer.status_code == 200, answer.text
            sent.append(answer.headers["x-request-id"])

    def feedback(client: httpx.Client) -> httpx.Response:
        decision = client.post("/predict", json={"rows": [row]}).json()["predictions"][0]["decision"]
        return client.post("/feedback", json={"outcomes": [{"prediction_id": f"{sent[0]}-0", "outcome": decision}]})

    with equipped.serve(DATABASE_URL=url, LOG_INTERVAL_SECONDS="0.1") as service, service.client() as client:

        def log() -> dict[str, Any]:
            return metrics(client, "prediction_log_")

        predict(client, 20, rows=1)
        wait_until(lambda: log()["written_rows_total"] == 20)
        postgres.stop()
        predict(client, 30, rows=1)
        predict(client, 2, rows=500)
        wait_until(lambda: log()["store_up"] == 0)
        refused = feedback(client)  # one more row
        assert refused.status_code == 503
        assert "again later" in refused.json()["detail"]
        assert client.get("/ready").status_code == 200
        assert log()["queued_rows"] == 1031
        assert log()["failures_total"] >= 1
        postgres.start()
        wait_until(lambda: log()["written_rows_total"] == 1051)
        assert (log()["store_up"], log()["queued_rows"], log()["dropped_rows_total"]) == (1, 0, 0)
        assert feedback(client).json() == {"new": 1, "known": 0, "refused": 0}
        assert feedback(client).json() == {"new": 0, "known": 1, "refused": 0}
        assert service.stop() == 0, "what is left is written while the service stops"
    kept = equipped.python(KEPT.format(package=equipped.package, url=url))
    assert set(sent) <= set(kept["ids"])
    assert kept["rows"] == 1053
    assert list(kept["outcomes"]) == [f"{sent[0]}-0"]


def test_without_the_driver_the_reason_is_said(trained: Project) -> None:
    code = f"from {trained.package}.store import Store; Store('postgresql://127.0.0.1/none')"
    done = trained.run("python", "-c", code, check=False)
    assert "uv sync --group postgres" in done.stderr
