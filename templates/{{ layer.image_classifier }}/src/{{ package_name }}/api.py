"""The service: `POST /predict` and `POST /explain` on top of the shell in `service.py`. Start: `uv run poe serve`.

An image comes as a file of a form (multipart, field `image`), as browsers and `curl -F` send it, or as base64 in JSON.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pydantic_core
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.openapi.utils import get_openapi
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile

from .images import ImageError
from .observed import Observer
from .predict import Explanation, Prediction, Predictor
from .routes import REFUSALS, DirectRoute, ask_for_key, refusal, refused, validate
from .service import Problem, create_service, model_of
from .settings import Settings

# A small image is answered right on the event loop: a millisecond of work costs less than handing it to a thread.
# A larger one goes to a thread, so that other requests do not wait behind it.
LARGEST_INLINE_IMAGE = 16_384
MOST_CLASSES = 100

TopK = Annotated[int, Field(ge=1, le=MOST_CLASSES, description="How many classes to name")]
ClassName = Annotated[
    str, Field(max_length=200, description="The class to explain; the most probable one if not given")
]


class PredictOptions(BaseModel):
    """What a request may say besides the image."""

    model_config = ConfigDict(extra="forbid")

    top_k: TopK = 5


class ExplainOptions(PredictOptions):
    """What a request to `/explain` may say besides the image."""

    label: ClassName | None = None


class PredictRequest(PredictOptions):
    """An image in JSON."""

    model_config = ConfigDict(extra="forbid", strict=True)  # "5" is no number

    image: str = Field(description="A PNG or JPEG file in base64")


class ExplainRequest(ExplainOptions):
    """An image in JSON."""

    model_config = ConfigDict(extra="forbid", strict=True)

    image: str = Field(description="A PNG or JPEG file in base64")


class ImageModel:
    """A predictor together with its metrics."""

    def __init__(self, predictor: Predictor, registry: CollectorRegistry) -> None:
        self.predictor = predictor
        self.info = predictor.info
        self.observer = Observer(predictor.card.classes, registry)

    def predict(self, content: bytes, options: dict[str, Any]) -> dict[str, Any]:
        """Answer an image file.

        Raises:
            RequestValidationError: If it is no readable image.
        """
        return self.answer(self.predictor.predict, content, options)

    def explain(self, content: bytes, options: dict[str, Any]) -> dict[str, Any]:
        """Answer an image file, with a heatmap.

        Raises:
            RequestValidationError: If it is no readable image, or there is no such class.
        """
        known = self.predictor.card.classes
        if options["label"] is not None and options["label"] not in known:
            raise refusal("label", f"there is no such class; there are: {', '.join(known[:MOST_CLASSES])}")
        return self.answer(self.predictor.explain, content, options)

    def answer(self, work: Callable[..., dict[str, Any]], content: bytes, options: dict[str, Any]) -> dict[str, Any]:
        """Read the image, do the work, note the result."""
        try:
            image = self.predictor.read(content)
        except ImageError as error:
            self.observer.refused.inc()
            raise refusal("image", str(error)) from error
        answer = work(image, **options)
        self.observer.observe(answer)
        return answer


def options_of(form_model: type[BaseModel], texts: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a form, or raise the error that FastAPI answers with 422."""
    try:
        return vars(form_model.model_validate_strings(texts))
    except ValidationError as error:
        raise refused(error) from error


async def read_request(
    request: Request, json_model: type[BaseModel], form_model: type[BaseModel]
) -> tuple[bytes, dict[str, Any]]:
    """Return the image file and the options of a request.

    Raises:
        HTTPException: 415 for a body that is neither JSON nor a form, 400 for a form that cannot be read.
        RequestValidationError: If a field is missing, unknown or wrong.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = await request.body()
        options = vars(validate(json_model, body))
        return decoded(options.pop("image")), options
    if kind != "multipart/form-data":
        raise HTTPException(415, "Send the image as a form (multipart/form-data) or as base64 in application/json.")
    async with request.form(max_files=1, max_fields=8) as form:
        upload = form.get("image")
        if not isinstance(upload, UploadFile):
            raise refusal("image", "a file is needed in this field")
        content = await upload.read()
        fields = form.multi_items()
        if len({name for name, _ in fields}) < len(fields):
            raise refusal("image", "each field may come once")
        texts = {name: value for name, value in fields if name != "image"}
    return content, options_of(form_model, texts)


def decoded(text: str) -> bytes:
    """Return the bytes of base64, with or without the head of a data URL.

    Raises:
        RequestValidationError: If it is no base64.
    """
    head, comma, data = text.partition(",")
    try:
        return base64.b64decode(data if comma and head.startswith("data:") else text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise refusal("image", "this is no base64") from error


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; uvicorn and the tests call it."""
    settings = settings or Settings()
    registry = CollectorRegistry()

    def load(folder: Path) -> ImageModel:
        return ImageModel(Predictor.load(folder), registry)

    app = create_service(load, settings, registry)

    async def predict(request: Request) -> Response:
        """Name the most probable classes of an image."""
        model = model_of(request)
        return await answer(model.predict, *await read_request(request, PredictRequest, PredictOptions))

    async def explain(request: Request) -> Response:
        """Name the most probable classes of an image, and show where the network looks (Grad-CAM)."""
        model = model_of(request)
        return await answer(model.explain, *await read_request(request, ExplainRequest, ExplainOptions))

    refusals = {**REFUSALS, 400: {"model": Problem}, 415: {"model": Problem}}
    for path, endpoint, answer_model, json_model, form_model in (
        ("/predict", predict, Prediction, PredictRequest, PredictOptions),
        ("/explain", explain, Explanation, ExplainRequest, ExplainOptions),
    ):
        app.router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            response_model=answer_model,
            responses=refusals,
            openapi_extra=body_of(json_model, form_model),
            route_class_override=DirectRoute,
        )

    # Routes are tried in order: the ones that do the work come first.
    app.router.routes.sort(key=lambda route: getattr(route, "methods", None) != {"POST"})

    def openapi() -> dict[str, Any]:
        """Describe the API, with a real image as the example."""
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        for path in ("/predict", "/explain"):
            if app.state.model is not None:
                content = schema["paths"][path]["post"]["requestBody"]["content"]
                content["application/json"]["example"] = {"image": app.state.model.predictor.card.example}
        if settings.needs_key:
            ask_for_key(schema, ("/predict", "/explain"))
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def body_of(json_model: type[BaseModel], form_model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI description of a body that is JSON or a form."""
    form = form_model.model_json_schema()
    form["properties"] = {"image": {"type": "string", "format": "binary"}, **form["properties"]}
    form["required"] = ["image"]
    content = {
        "multipart/form-data": {"schema": form},
        "application/json": {"schema": json_model.model_json_schema()},
    }
    return {"requestBody": {"required": True, "content": content}}


async def answer(
    work: Callable[[bytes, dict[str, Any]], dict[str, Any]], content: bytes, options: dict[str, Any]
) -> Response:
    """Do the work where it disturbs nobody, and answer JSON."""
    if len(content) <= LARGEST_INLINE_IMAGE:
        result = work(content, options)
    else:
        result = await asyncio.to_thread(work, content, options)
    return Response(pydantic_core.to_json(result), media_type="application/json")
