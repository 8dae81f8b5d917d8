"""Guards in front of the service: API key, rate, request size, requests at the same time; and request metrics.

One plain ASGI middleware, used by `service.create_service`. It is plain ASGI because Starlette's
`BaseHTTPMiddleware` runs every request in an extra task, which costs more than the prediction itself.
"""

import json
import math
import time
from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .keys import Keys, RateLimit
from .settings import Settings

# What browsers are told about every answer. A page may load only what this service itself has; the pages of the API's
# documentation come with a script from elsewhere.
SAFE = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
SAFE_PAGE = [
    *SAFE,
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; base-uri 'none'; "
        b"frame-ancestors 'none'",
    ),
]
OPEN_PAGES = frozenset({"/docs", "/redoc", "/docs/oauth2-redirect"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestGuard:
    """Checks each request before the application sees it, and counts each answer.

    Only `POST` requests are guarded: they do the work. `GET /health`, `/ready` and `/metrics` must keep
    answering when the service is at its limit, or an orchestrator would restart a busy process.
    """

    def __init__(self, app: ASGIApp, settings: Settings, registry: CollectorRegistry) -> None:
        self.app = app
        self.max_body_bytes = settings.max_body_bytes
        self.max_concurrent = settings.max_concurrent
        self.keys = Keys(settings.api_key, settings.api_keys_file)
        self.rate = RateLimit(settings.rate_limit_per_minute)
        self.draining = False
        self.active = 0
        self.requests = Counter("http_requests", "Requests answered", ["method", "path", "status"], registry=registry)
        self.duration = Histogram(
            "http_request_duration_seconds",
            "Time from request to the end of the answer",
            ["path"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
            registry=registry,
        )
        Gauge("http_requests_active", "Requests being answered now", registry=registry).set_function(
            lambda: self.active
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (or pass on a lifespan event)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        started = time.perf_counter()
        status = 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                safe = SAFE if scope["path"] in OPEN_PAGES else SAFE_PAGE
                message["headers"] = [*message["headers"], *safe]
                if self.draining:  # ask the client to come back on a new connection, to another replica
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        self.active += 1
        try:
            if scope["method"] != "POST":
                await self.app(scope, receive, send_and_note)
            elif refusal := self._refuse(scope):
                await _answer(send_and_note, *refusal)
            else:
                await self.app(scope, self._limited(receive), send_and_note)
        finally:
            self.active -= 1
            # The route's own path, never the raw one: otherwise anyone could create endless metric labels.
            path = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"] if scope["method"] in METHODS else "OTHER"
            self.requests.labels(method, path, str(status)).inc()
            self.duration.labels(path).observe(time.perf_counter() - started)

    def _refuse(self, scope: Scope) -> tuple[int, str, Mapping[str, str]] | None:
        """Return status, reason and headers of a refusal, or None where the request may pass."""
        headers = dict(scope["headers"])
        key = key_in(headers)
        if self.keys.demanded and not self.keys.accepts(key):
            return (
                401,
                "The header X-API-Key (or Authorization: Bearer) is missing or wrong.",
                {"WWW-Authenticate": "APIKey"},
            )
        address = (scope.get("client") or ("",))[0]
        if seconds := self.rate.wait(key if self.keys.demanded else address.encode()):
            return 429, "Too many requests in this minute.", {"Retry-After": str(math.ceil(seconds))}
        if self.active > self.max_concurrent:
            return 503, "Too many requests at the same time.", {"Retry-After": "1"}
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self.max_body_bytes:
            return 413, self._too_large(), {"Connection": "close"}
        return None

    def _limited(self, receive: Receive) -> Receive:
        """Wrap `receive` so that a body without a declared length cannot grow past the limit."""
        received = 0

        async def receive_and_count() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_body_bytes:
                raise HTTPException(413, self._too_large(), {"Connection": "close"})
            return message

        return receive_and_count

    def _too_large(self) -> str:
        return f"The request body is larger than {self.max_body_bytes} bytes."


def key_in(headers: Mapping[bytes, bytes]) -> bytes:
    """Return the API key of a request: in a header of its own, or where OpenAI's clients put it."""
    kind, _, token = headers.get(b"authorization", b"").partition(b" ")
    return headers.get(b"x-api-key", token if kind.lower() == b"bearer" else b"")


async def _answer(send: Send, status: int, detail: str, headers: Mapping[str, str]) -> None:
    body = json.dumps({"detail": detail}).encode()
    fields: dict[str, Any] = {"content-type": "application/json", "content-length": len(body)}
    raw = [(k.lower().encode(), str(v).encode()) for k, v in {**fields, **headers}.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
