"""Answers while a client is there: as a stream of server-sent events, or as one JSON document. The routes use it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import TypeVar

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

T = TypeVar("T")

# How OpenAPI describes a stream: by what one of its events holds.
STREAM = {
    "text/event-stream": {
        "schema": {
            "type": "object",
            "properties": {"event": {"type": "string"}, "data": {"type": "string", "description": "JSON"}},
            "required": ["data"],
        }
    }
}


def event(data: BaseModel, name: str | None = None) -> str:
    """Write a server-sent event (HTML standard, section 9.2) whose data are JSON."""
    head = "" if name is None else f"event: {name}\n"
    return f"{head}data: {data.model_dump_json()}\n\n"


def nobody() -> Response:
    """Return the answer for a client that has gone away; nginx' number for this shows in the metrics."""
    return Response(status_code=499)


async def stream_of(request: Request, events: AsyncGenerator[str]) -> Response:
    """Return the response that sends events as they come.

    The first one is waited for: what goes wrong before it is answered with a status of its own. When the client goes
    away, before it or after it, the text ends.
    """
    first = await while_connected(request, lambda: anext(events))
    if first is None:
        return nobody()

    async def all_events() -> AsyncIterator[str]:
        async with aclosing(events):
            yield first
            async for each in events:
                yield each

    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # proxies are not to collect the events
    return StreamingResponse(all_events(), media_type="text/event-stream", headers=headers)


async def while_connected(request: Request, work: Callable[[], Awaitable[T]]) -> T | None:
    """Return the result of some work, or None if the client goes away, which ends the work.

    Args:
        request: Its body has been read.
        work: Is cancelled if the client goes away.
    """

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, watching = asyncio.ensure_future(work()), asyncio.ensure_future(gone())
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, watching):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
