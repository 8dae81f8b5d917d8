"""Load for a server on this machine, bounded in count and time.

`Connection` measures latency: one keep-alive connection, one request after the other, over a bare socket, because an
HTTP client library costs several times what the fastest server here takes. `throughput` keeps 32 connections busy
with wrk, or, where wrk is not installed, with a client of our own, which takes part of the machine from a fast server.
"""

import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
TIMEOUT_S = 120.0


class RequestError(Exception):
    """The server gave no answer, or another one than 200."""


def post(path: str, body: bytes) -> bytes:
    """Return the bytes of a POST request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """A keep-alive connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def send(self, request: bytes) -> bytes:
        """Send a request and return the body of its answer.

        Raises:
            RequestError: If the answer is not 200, or has no declared length.
        """
        self.socket.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, body = data.partition(b"\r\n\r\n")
        status = head.split(b" ", 2)[1]
        length = length_of(head)
        while len(body) < length:
            body += self._receive()
        if status != b"200":
            raise RequestError(f"status {status.decode()}: {body[:300]!r}")
        return body

    def _receive(self) -> bytes:
        part = self.socket.recv(262_144)
        if not part:
            raise RequestError("the server closed the connection")
        return part

    def milliseconds(self, request: bytes, count: int) -> list[float]:
        """Send a request so many times and return how long each took."""
        taken = []
        for _ in range(count):
            started = time.perf_counter()
            self.send(request)
            taken.append((time.perf_counter() - started) * 1000)
        return taken


def length_of(head: bytes) -> int:
    """Return the declared length of a body.

    Raises:
        RequestError: If there is none.
    """
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RequestError(f"an answer without Content-Length: {head!r}")


def wait_for_answer(
    port: int, request: bytes, process: "subprocess.Popen[Any]", limit_s: float, pause_s: float = 0.01
) -> bytes:
    """Ask until the server answers 200, and return that answer.

    Raises:
        RequestError: If the process ends, or the time is over.
    """
    last = ""
    end = time.perf_counter() + limit_s
    while time.perf_counter() < end:
        if process.poll() is not None:
            raise RequestError(f"the server stopped with exit code {process.returncode}")
        try:
            connection = Connection(port)
            try:
                return connection.send(request)
            finally:
                connection.close()
        except (OSError, RequestError) as error:
            last = str(error)
            time.sleep(pause_s)
    raise RequestError(f"no answer within {limit_s:.0f} s: {last}")


def throughput(port: int, path: str, body: Path, connections: int, seconds: float) -> dict[str, Any]:
    """Keep connections busy and count answers: `requests`, `seconds`, `errors` and, with wrk, the latencies."""
    if shutil.which("wrk") is None:
        return asyncio.run(own_client(port, post(path, body.read_bytes()), connections, seconds))
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds:.0f}s"]
    script = ["--timeout", "60s", "--script", str(Path(__file__).parent / "post.lua")]
    environment = os.environ | {"BODY": str(body)}
    done = subprocess.run(  # noqa: S603
        [*command, *script, f"http://{HOST}:{port}{path}"],
        env=environment, capture_output=True, text=True, check=True, timeout=seconds + 120,
    )  # fmt: skip
    result: dict[str, Any] = json.loads(done.stdout.partition("RESULT ")[2])
    return result


def alone(port: int, request: bytes, count: int) -> dict[str, float]:
    """Send one request after the other on one connection, 200 to warm up; returns `p50_ms` and `p99_ms`."""
    taken = on_one_connection(port, request, 200, count)
    return {"p50_ms": statistics.median(taken), "p99_ms": statistics.quantiles(taken, n=100)[98]}


def on_one_connection(port: int, request: bytes, warm_up: int, count: int) -> list[float]:
    """Send a request so many times on a new connection and return how long each took, but for the first ones, in ms."""
    connection = Connection(port)
    try:
        connection.milliseconds(request, warm_up)
        return connection.milliseconds(request, count)
    finally:
        connection.close()


def loaded(port: int, path: str, body: Path, connections: int, seconds: float) -> dict[str, float]:
    """Keep connections busy, one second to warm up; returns `requests_s` and, with wrk, `loaded_p99_ms`.

    Raises:
        RequestError: If any request fails.
    """
    throughput(port, path, body, connections, 1)
    load = throughput(port, path, body, connections, seconds)
    if load["errors"]:
        raise RequestError(f"{load['errors']} of {load['requests']} requests failed")
    return {"requests_s": load["requests"] / load["seconds"], "loaded_p99_ms": load.get("p99_ms", float("nan"))}


async def own_client(port: int, request: bytes, connections: int, seconds: float) -> dict[str, Any]:
    """Do what wrk does, where wrk is not installed."""
    answered = errors = 0
    started = time.perf_counter()
    end = started + seconds

    async def one() -> None:
        nonlocal answered, errors
        reader, writer = await asyncio.open_connection(HOST, port)
        while time.perf_counter() < end:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(length_of(head))
            answered += 1
            errors += not head.startswith(b"HTTP/1.1 200")
        writer.close()

    await asyncio.wait_for(asyncio.gather(*(one() for _ in range(connections))), seconds + TIMEOUT_S)
    return {"requests": answered, "seconds": time.perf_counter() - started, "errors": errors}


def memory_mb(root: int) -> float:
    """Return the memory of a process and all its descendants in MB: shared pages count in proportion (PSS)."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    family, found = {root}, True
    while found:
        children = {pid for pid, parent in parents.items() if parent in family} - family
        family, found = family | children, bool(children)
    return sum(map(proportional_kb, family)) * 1024 / 1e6


def proportional_kb(pid: int) -> int:
    """Return the PSS of one process in KiB, 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
