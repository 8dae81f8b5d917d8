"""Who may ask, and how often: API keys, and a limit of requests for each of them. `limits.py` asks here."""

import hashlib
import logging
import secrets
import time
from collections import OrderedDict
from pathlib import Path

# The key file is looked at again after this time, so that a key can be changed without a restart.
SECONDS_BETWEEN_LOOKS = 1.0
# Clients whose allowance is remembered; beyond that the one that was away longest begins anew.
MOST_CLIENTS = 10_000

logger = logging.getLogger(__name__)


class Keys:
    """The keys that are accepted: of the setting, and of a file with one key a line.

    Args:
        setting: One key, or several with commas between them.
        file: Is read again when it changes. While it cannot be read, none of its keys is accepted.
    """

    def __init__(self, setting: str | None, file: Path | None) -> None:
        self.fixed = [key.strip().encode() for key in (setting or "").split(",") if key.strip()]
        self.file = file
        self.in_file: list[bytes] = []
        self.looked = float("-inf")
        self.stamp: tuple[int, int] | None = None
        self.demanded = bool(self.fixed) or file is not None

    def accepts(self, given: bytes) -> bool:
        """Tell whether a key is right. The time that it takes does not tell how much of it is."""
        if time.monotonic() - self.looked > SECONDS_BETWEEN_LOOKS:
            self.look()
        return any([secrets.compare_digest(given, key) for key in (*self.fixed, *self.in_file)])  # noqa: C419 - all

    def look(self) -> None:
        """Read the file if it has changed."""
        self.looked = time.monotonic()
        if self.file is None:
            return
        try:
            status = self.file.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp == self.stamp:
                return
            lines = self.file.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:
            self.in_file, self.stamp = [], None
            logger.error("no key of %s is accepted: %s", self.file, error)
            return
        self.stamp = stamp
        self.in_file = [line.strip().encode() for line in lines if line.strip() and not line.startswith("#")]


class RateLimit:
    """So many requests a minute for each client: an allowance that fills up steadily (token bucket).

    Args:
        per_minute: 0 means no limit.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self.clients: OrderedDict[bytes, tuple[float, float]] = OrderedDict()  # what is left, and when that was

    def wait(self, client: bytes) -> float:
        """Take one request from a client's allowance; returns 0, or the seconds until there is one again.

        Args:
            client: Its key, or its address.
        """
        if self.per_minute == 0:
            return 0.0
        name = hashlib.sha256(client).digest()  # keys are not kept in memory longer than needed
        now, rate = time.monotonic(), self.per_minute / 60
        left, then = self.clients.pop(name, (float(self.per_minute), now))
        left = min(float(self.per_minute), left + (now - then) * rate)
        allowed = left >= 1
        self.clients[name] = (left - 1 if allowed else left, now)
        if len(self.clients) > MOST_CLIENTS:
            self.clients.popitem(last=False)
        return 0.0 if allowed else (1 - left) / rate
