"""The service: `POST /ask` and `POST /documents` on top of the shell in `service.py`. Start: `uv run poe serve`.

An answer is one JSON document, or with `"stream": true` a stream of server-sent events: `passages` when they are found,
one event for each sentence, and `done` with the whole answer.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.openapi.utils import get_openapi
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from starlette.datastructures import UploadFile

from .assistant import Answer, Turn
from .desk import Desk
from .reading import ReadingError, format_of
from .routes import REFUSALS, DirectRoute, ask_for_key, refusal, validate
from .schemas import Answered, AskRequest, DocumentAdded, Retrieved, answered, citation, passages
from .service import Problem, create_service, model_of
from .settings import Settings
from .streaming import STREAM, event, nobody, stream_of, while_connected

LONGEST_NAME = 200


async def events(desk: Desk, question: str, history: list[Turn]) -> AsyncGenerator[str]:
    """Yield an event for the passages, one for each sentence, then `done`; if it fails in the middle, `error`."""
    begun, last = False, None
    try:
        async with aclosing(desk.steps(question, history)) as steps:
            async for answer, sentence in steps:
                if not begun:
                    yield event(Retrieved(question=answer.question, passages=passages(answer)), "passages")
                elif sentence is not None:
                    yield event(citation(answer, sentence))
                begun, last = True, answer
    except Exception:
        if not begun:
            raise
        yield event(Problem(detail="The answer failed."), "error")
        return
    if last is not None:
        yield event(answered(last, desk.version), "done")


async def whole(desk: Desk, question: str, history: list[Turn]) -> Answer:
    """Return the complete answer."""
    last: Answer | None = None
    async with aclosing(desk.steps(question, history)) as steps:
        async for answer, _ in steps:
            last = answer
    if last is None:
        raise HTTPException(503, "The question cannot be answered now.")
    return last


async def document_of(request: Request) -> tuple[str, bytes]:
    """Return name and content of the file of a form.

    Raises:
        RequestValidationError: If there is none, or its name is impossible.
        HTTPException: 415 if the request is no form, 400 if it is a broken one.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise HTTPException(415, "Send the document as a form (multipart/form-data), as `curl -F file=@NAME` does.")
    async with request.form(max_files=1, max_fields=1) as form:
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise refusal("file", "the form must hold a file in the field `file`")
        name = (upload.filename or "").replace("\\", "/").rpartition("/")[2]
        if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable() or format_of(name) is None:
            raise refusal("file", "its name must end with .md, .rst, .html, .pdf or .txt")
        return name, await upload.read()


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """Describe a JSON body for the documentation."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


FILE_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                    "required": ["file"],
                }
            }
        },
    }
}


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; uvicorn and the tests call it."""
    settings = settings or Settings()
    registry = CollectorRegistry()

    def load(folder: Path) -> Desk:
        return Desk(folder, settings, registry)

    app = create_service(load, settings, registry)

    async def ask(request: Request) -> Response:
        """Answer a question from the documents, with sources."""
        desk: Desk = model_of(request)
        asked: AskRequest = validate(AskRequest, await request.body())
        history = [Turn(each.question, each.answer) for each in asked.history]
        if asked.stream:
            return await stream_of(request, events(desk, asked.question, history))
        answer = await while_connected(request, lambda: whole(desk, asked.question, history))
        if answer is None:
            return nobody()
        return Response(answered(answer, desk.version).model_dump_json(), media_type="application/json")

    async def documents(request: Request) -> Response:
        """Add a document to the running service, or replace the one of its name. Needs an API key to be set."""
        if not settings.needs_key:
            raise HTTPException(403, "Documents can be added only if API_KEY is set.")
        desk: Desk = model_of(request)
        name, content = await document_of(request)
        try:
            count, replaced = await desk.add(name, content)
        except ReadingError as error:
            raise refusal("file", f"{name}: {error}") from error
        except OSError as error:
            raise HTTPException(503, f"The document cannot be kept: {error}") from error
        added = DocumentAdded(document=name, passages=count, replaced=replaced)
        return Response(added.model_dump_json(), media_type="application/json")

    router = app.router
    router.add_api_route(
        "/ask",
        ask,
        methods=["POST"],
        response_model=Answered,
        responses={
            **REFUSALS,
            200: {
                "model": Answered,
                "description": "The answer; with `stream`, the events `passages`, one for each sentence, and `done`",
                "content": STREAM,
            },
        },
        openapi_extra=body_of(AskRequest),
        route_class_override=DirectRoute,
    )
    router.add_api_route(
        "/documents",
        documents,
        methods=["POST"],
        response_model=DocumentAdded,
        responses={**REFUSALS, **{code: {"model": Problem} for code in (400, 403, 415)}},
        openapi_extra=FILE_FORM,
        route_class_override=DirectRoute,
    )
    # Routes are tried in order: the ones that do the work come first.
    router.routes.sort(key=lambda route: getattr(route, "methods", None) != {"POST"})

    def openapi() -> dict[str, Any]:
        """Describe the API, with an example."""
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        for model in AskRequest.model_json_schema()["$defs"].items():
            schema["components"]["schemas"].setdefault(*model)
        if app.state.model is not None:
            content = schema["paths"]["/ask"]["post"]["requestBody"]["content"]
            content["application/json"]["example"] = app.state.model.base.card.example
        if settings.needs_key:
            ask_for_key(schema, ("/ask", "/documents"))
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app
