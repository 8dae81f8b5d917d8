"""A running service: wait for it, talk to it, stop it, read its log."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import httpx

PATIENCE_SECONDS = 120


class Service:
    """A service process that writes its log to a file.

    Attributes:
        process: The leader of the process group.
        url: Where it listens; set by `wait_until_listening`.
    """

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.log = log
        self.url = ""

    def wait_until_listening(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until uvicorn says on which address it listens."""
        end = time.monotonic() + patience_seconds
        while time.monotonic() < end:
            found = re.search(r"running on (http://[\d.]+:\d+)", self.log.read_text(encoding="utf-8"))
            if found:
                self.url = found[1]
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"the service did not start:\n{self.log.read_text(encoding='utf-8')}")

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.url.rsplit(":", 1)[1])

    def client(self, **options: object) -> httpx.Client:
        """Return a client for this service; close it, or use it in a `with` block."""
        return httpx.Client(base_url=self.url, timeout=60, **options)  # type: ignore[arg-type]

    def terminate(self) -> None:
        """Ask the process to stop, as an orchestrator does."""
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Ask the process to stop, and return its exit code."""
        self.terminate()
        return self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """End the whole process group at once, if it still runs."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def answered(self, status: int, path: str) -> int:
        """Count the answers of one status to one path in the access log."""
        return len(re.findall(rf'"POST {path} HTTP/1\.1" {status}\b', self.log.read_text(encoding="utf-8")))
