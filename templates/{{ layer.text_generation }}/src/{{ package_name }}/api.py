"""The service: `POST /generate` on top of the shell in `service.py`. Start: `uv run poe serve`.

The answer is one JSON document, or with `"stream": true` a stream of server-sent events: one for each token, and at the
end the event `done`. What OpenAI's clients expect is in `openai_api.py`.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from prometheus_client import CollectorRegistry

from .generation import Drawn
from .openai_api import PATHS as OPENAI_PATHS
from .openai_api import add_openai_routes
from .predict import Predictor
from .routes import REFUSALS, DirectRoute, ask_for_key, validate
from .schemas import Generated, GenerateRequest, stops_of
from .service import Problem, create_service, model_of
from .settings import Settings
from .streaming import STREAM, event, nobody, stream_of
from .text_model import Order, TextModel


async def events(model: TextModel, order: Order) -> AsyncGenerator[str]:
    """Yield an event for each token, then `done`; if the network fails in the middle, `error`."""
    tokens: list[Drawn] = []
    try:
        async with aclosing(model.write(order)) as drawn:
            async for each in drawn:
                tokens.append(each)
                yield event(model.written(each))
    except Exception:
        if not tokens:
            raise
        yield event(Problem(detail="The network failed."), "error")
        return
    yield event(model.generated(order, tokens).model_copy(update={"tokens": []}), "done")


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; uvicorn and the tests call it."""
    settings = settings or Settings()
    registry = CollectorRegistry()

    def load(folder: Path) -> TextModel:
        return TextModel(Predictor.load(folder), settings, registry)

    app = create_service(load, settings, registry)

    async def generate(request: Request) -> Response:
        """Continue a text."""
        model: TextModel = model_of(request)
        asked: GenerateRequest = validate(GenerateRequest, await request.body())
        order = model.order(
            asked.prompt,
            asked.max_tokens,
            temperature=asked.temperature,
            top_k=asked.top_k,
            top_p=asked.top_p,
            seed=asked.seed,
            stop=stops_of(asked.stop),
            alternatives=asked.alternatives,
        )
        if asked.stream:
            return await stream_of(request, events(model, order))
        tokens = await model.whole(request, order)
        if tokens is None:
            return nobody()
        return Response(model.generated(order, tokens).model_dump_json(), media_type="application/json")

    app.router.add_api_route(
        "/generate",
        generate,
        methods=["POST"],
        response_model=Generated,
        responses={
            **REFUSALS,
            200: {
                "model": Generated,
                "description": "The text; with `stream`, an event for each token and the event `done`",
                "content": STREAM,
            },
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": GenerateRequest.model_json_schema()}},
            }
        },
        route_class_override=DirectRoute,
    )
    add_openai_routes(app)

    # Routes are tried in order: the ones that do the work come first.
    app.router.routes.sort(key=lambda route: getattr(route, "methods", None) != {"POST"})

    def openapi() -> dict[str, Any]:
        """Describe the API, with an example."""
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        if app.state.model is not None:
            content = schema["paths"]["/generate"]["post"]["requestBody"]["content"]
            card = app.state.model.predictor.card
            content["application/json"]["example"] = card.example
            for path in OPENAI_PATHS:
                content = schema["paths"][path]["post"]["requestBody"]["content"]
                content["application/json"]["schema"]["properties"]["model"]["enum"] = [card.name]
        if settings.needs_key:
            ask_for_key(schema, ("/generate", *OPENAI_PATHS))
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app
