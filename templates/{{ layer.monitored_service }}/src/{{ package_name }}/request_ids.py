"""An id for each request: in the answer, in every log line, and in the record of predictions.

A client may send its own in `X-Request-ID`, so that its log and this one can be joined: the id then begins with it. The
rest is made here, because an outcome that comes later must find one prediction and no other.
"""

import re
import uuid
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"x-request-id"
# What a client may send: an id that is safe in logs and in a database.
ALLOWED = re.compile(rb"[A-Za-z0-9._:-]{1,64}")

current_request: ContextVar[str] = ContextVar("current_request", default="-")


class RequestIds:
    """Plain ASGI middleware that sets `current_request`, and sends it back."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (or pass on a lifespan event)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == HEADER), b"")
        identity = uuid.uuid4().hex
        if ALLOWED.fullmatch(given):
            identity = f"{given.decode()}.{identity[:12]}"

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (HEADER, identity.encode())]
            await send(message)

        token = current_request.set(identity)
        try:
            await self.app(scope, receive, send_with_id)
        finally:
            current_request.reset(token)
