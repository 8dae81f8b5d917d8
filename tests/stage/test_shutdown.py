"""SIGTERM under load: every request that the service accepted is answered, completely, before it exits with 0.

A request counts as accepted from the moment its connection has answered before, or any byte of its answer arrives.
Not accepted is what a client may safely send again, to another replica: the connection was refused, or a new one was
closed without a byte after the signal. The service's own access log must agree with what the clients read.
"""

import asyncio
import json
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from .project import Project
from .service import Service

pytestmark = [pytest.mark.slow, pytest.mark.stages(layer="tabular")]

CLIENTS = 40
ROWS_OF_A_LARGE_REQUEST = 500


@dataclass
class Tally:
    """What the clients saw.

    Attributes:
        complete: Answers with status 200 that were read to the last byte.
        not_accepted: Requests that were turned away after the signal, before anything was answered.
        lost: What must not happen, in words.
    """

    complete: int = 0
    not_accepted: int = 0
    lost: list[str] = field(default_factory=list)


class Load:
    """Clients that send one request after the other on connections they keep, until the service is gone."""

    def __init__(self, port: int, requests: list[bytes]) -> None:
        self.port = port
        self.requests = requests
        self.tally = Tally()
        self.signalled = False
        self.warm = threading.Event()

    def run(self) -> None:
        """Send until every client has been turned away."""
        asyncio.run(self.run_clients())

    async def run_clients(self) -> None:
        """Run all clients side by side; each begins with another request."""
        await asyncio.gather(*(self.client(number) for number in range(CLIENTS)))

    async def client(self, number: int) -> None:
        """Send requests until the service no longer takes a connection."""
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                if not self.signalled:
                    self.tally.lost.append("a connection was refused before the signal")
                return
            try:
                if not await self.connection(reader, writer, number):
                    return
            finally:
                writer.close()

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        """Use one connection until the service closes it; returns False when this client shall give up."""
        answered = 0
        while True:
            signalled_before = self.signalled
            request = self.requests[(number + answered) % len(self.requests)]
            try:
                writer.write(request)
                await writer.drain()
                head = await reader.readuntil(b"\r\n\r\n")
            except (OSError, asyncio.IncompleteReadError) as error:
                started = isinstance(error, asyncio.IncompleteReadError) and error.partial
                if answered == 0 and not started and signalled_before:
                    self.tally.not_accepted += 1
                    return True
                self.tally.lost.append(f"no answer to request {answered + 1} of a connection: {error!r}")
                return False
            length = re.search(rb"content-length: (\d+)", head)
            try:
                await reader.readexactly(int(length[1]) if length else 0)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.tally.lost.append(f"half an answer: {error!r}")
                return False
            if not head.startswith(b"HTTP/1.1 200 "):
                self.tally.lost.append(head.decode("latin-1").splitlines()[0])
                return False
            answered += 1
            self.tally.complete += 1
            if self.tally.complete > 10 * CLIENTS:
                self.warm.set()
            if b"connection: close" in head.lower():
                return True


def predict_request(body: Any, service: Service) -> bytes:
    """Return the bytes of a prediction request."""
    content = json.dumps(body).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


@pytest.mark.parametrize("attempt", range(3))
def test_sigterm_under_load_loses_no_accepted_request(owned: Project, attempt: int) -> None:
    del attempt  # the same three times: what can be lost is a matter of chance
    body = owned.example()
    large = {"rows": body["rows"] * ROWS_OF_A_LARGE_REQUEST}
    with owned.serve() as service:
        requests = [predict_request(body, service)] * 9 + [predict_request(large, service)]
        load = Load(service.port, requests)
        clients = threading.Thread(target=load.run)
        clients.start()
        assert load.warm.wait(120), load.tally
        load.signalled = True
        service.terminate()
        exit_code = service.process.wait(120)
        clients.join(120)
        log = service.log.read_text(encoding="utf-8")
        served = service.answered(200, "/predict")
    assert load.tally.lost == []
    assert served == load.tally.complete
    assert exit_code == 0
    for sign_of_loss in ("Cancel", "ERROR", "Traceback", "Exception"):
        assert sign_of_loss not in log


def test_while_it_drains_the_service_is_not_ready_and_still_answers(owned: Project) -> None:
    """The time in which load balancers notice; long here, so that the test can look at it."""
    with owned.serve(DRAIN_SECONDS="5") as service, service.client() as client:
        assert client.get("/ready").status_code == 200
        service.terminate()
        while client.get("/ready").status_code == 200:
            pass
        answer = client.post("/predict", json=owned.example())
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        assert client.get("/health").status_code == 200
        assert service.process.wait(120) == 0


def test_a_second_signal_stops_at_once(owned: Project) -> None:
    with owned.serve(DRAIN_SECONDS="600") as service, service.client() as client:
        service.terminate()
        while client.get("/ready").status_code == 200:
            pass
        assert service.stop() == 0


def test_a_signal_while_it_starts_stops_it(owned: Project) -> None:
    """Sent at the first sign of life, before there is anything to drain."""
    log = owned.path / "service.log"
    with log.open("w", encoding="utf-8") as output:
        process = owned.start(
            "python", "-m", f"{owned.package}.serve", variables={"PORT": "0"}, stdout=output, stderr=output
        )
        service = Service(process, log)
        try:
            while "Started server process" not in log.read_text(encoding="utf-8"):
                assert process.poll() is None
                time.sleep(0.01)
            assert service.stop() == 0
        finally:
            service.kill()
