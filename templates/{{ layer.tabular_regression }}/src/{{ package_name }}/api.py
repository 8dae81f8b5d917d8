"""The service: `POST /predict` and `POST /explain` on top of the shell in `service.py`. Start: `uv run poe serve`.

The request model is built from the columns of the loaded model, so that the API, its documentation and its error
messages follow the data contract without a line of code.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import pydantic_core
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry, Counter, Histogram
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from .contract import LARGEST_NUMBER, LONGEST_TEXT
from .predict import Driver, Prediction, Predictor
from .service import Problem, create_service, model_of
from .settings import Settings

# A small body is answered right on the event loop: half a millisecond of work costs less than handing it to a thread.
# A larger one goes to a thread, so that other requests do not wait behind it.
LARGEST_INLINE_BODY = 16_384
MOST_DRIVERS = 100


class Predictions(BaseModel):
    """Answer of `POST /predict`: one prediction for each row, in order."""

    target: str
    model_version: str
    interval_level: float
    predictions: list[Prediction]


class Explanation(BaseModel):
    """Answer of `POST /explain`: the prediction and what drives it, strongest first."""

    target: str
    model_version: str
    prediction: Prediction
    drivers: list[Driver]


class TableModel:
    """A predictor together with the request model that its columns define."""

    def __init__(self, predictor: Predictor, max_rows: int, registry: CollectorRegistry) -> None:
        self.predictor = predictor
        self.info = predictor.info
        card = predictor.card
        fields: dict[str, Any] = {}
        for column in card.columns:
            kind: Any
            if column.kind == "number":
                limits = Field(ge=column.minimum, le=LARGEST_NUMBER, allow_inf_nan=False)
                if column.minimum is None:
                    limits = Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER, allow_inf_nan=False)
                kind = Annotated[float, limits]
            else:
                kind = Annotated[str, Field(max_length=LONGEST_TEXT)]
            about = Field(description=describe(column.description, column.categories))
            fields[column.name] = (
                (Annotated[kind | None, about], None) if column.nullable else (Annotated[kind, about], ...)
            )
        # Strict: the text "12" is not a number, and a misspelt field is an error, not a missing value.
        row_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"example": dict(card.example)})
        self.row = create_model("Row", __config__=row_config, **fields)
        rows: Any = Annotated[list[self.row], Field(min_length=1, max_length=max_rows)]  # type: ignore[name-defined]
        self.rows = create_model("Rows", __config__=ConfigDict(extra="forbid"), rows=(rows, ...))
        self.values = Histogram(
            "prediction_value",
            f"Predicted {card.target}",
            buckets=bucket_edges(card.metrics, card.example, predictor),
            registry=registry,
        )
        self.warnings = Counter(
            "prediction_warnings", "Remarks on inputs outside of the training data", registry=registry
        )

    def predict(self, body: bytes) -> bytes:
        """Answer the body of a `POST /predict`.

        Raises:
            RequestValidationError: If the body does not hold valid rows.
        """
        # pydantic reads the JSON itself, three times as fast as json.loads and a validation after it.
        rows = [vars(row) for row in validate(self.rows, body).rows]
        answers = self.predictor.predict(rows)
        for answer in answers:
            self.values.observe(answer["prediction"])
        self.warnings.inc(sum(len(answer["warnings"]) for answer in answers))
        card = self.predictor.card
        return pydantic_core.to_json(
            {
                "target": card.target,
                "model_version": card.version,
                "interval_level": card.interval.level,
                "predictions": answers,
            }
        )

    def explain(self, body: bytes) -> bytes:
        """Answer the body of a `POST /explain`.

        Raises:
            RequestValidationError: If the body is not one valid row.
        """
        row = vars(validate(self.row, body))
        card = self.predictor.card
        return pydantic_core.to_json(
            Explanation(
                target=card.target,
                model_version=card.version,
                prediction=Prediction(**self.predictor.predict([row])[0]),
                drivers=self.predictor.explain(row)[:MOST_DRIVERS],
            )
        )


def validate(model: type[BaseModel], body: bytes) -> Any:
    """Read a body as `model`, or raise the error that FastAPI answers with 422."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        details = [{**item, "loc": ("body", *item["loc"])} for item in error.errors()]
        raise RequestValidationError(details) from error


def describe(description: str, categories: list[str]) -> str:
    """Return the text that the API documentation shows for a field."""
    known = f"Known values: {', '.join(categories[:30])}" if categories else ""
    return ". ".join(text for text in (description, known) if text)


def bucket_edges(metrics: dict[str, Any], example: dict[str, Any], predictor: Predictor) -> tuple[float, ...]:
    """Choose histogram buckets for predictions: steps of the baseline's error around a typical prediction."""
    centre = predictor.predict([example])[0]["prediction"]
    step = metrics.get("baselines", {}).get("median", {}).get("rmse", {}).get("value")
    step = step or abs(centre) / 2 or 1.0
    return tuple(centre + step * factor for factor in (-2, -1, -0.5, -0.25, 0, 0.25, 0.5, 1, 2, 4))


class DirectRoute(APIRoute):
    """A documented route whose function takes the request itself and returns the response.

    FastAPI's search for parameters and dependencies is left out: there are none, and it takes as long as a prediction.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the function itself."""
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; uvicorn and the tests call it."""
    settings = settings or Settings()
    registry = CollectorRegistry()

    def load(folder: Path) -> TableModel:
        return TableModel(Predictor.load(folder), settings.max_rows, registry)

    app = create_service(load, settings, registry)
    refusals: dict[int | str, dict[str, Any]] = {
        401: {"model": Problem},
        413: {"model": Problem},
        422: {"description": "Invalid input; `detail` names each wrong field"},
        503: {"model": Problem},
    }

    async def predict(request: Request) -> Response:
        """Predict one row or many; each prediction comes with an interval and remarks on the input."""
        return await answer(request, model_of(request).predict)

    async def explain(request: Request) -> Response:
        """Predict one row and say what drives the prediction."""
        return await answer(request, model_of(request).explain)

    for path, endpoint, answer_model, schema in (
        ("/predict", predict, Predictions, "Rows"),
        ("/explain", explain, Explanation, "Row"),
    ):
        app.router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            response_model=answer_model,
            responses=refusals,
            openapi_extra=body_of(schema),
            route_class_override=DirectRoute,
        )

    def openapi() -> dict[str, Any]:
        """Describe the API, with the request model of the loaded model."""
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        model = app.state.model
        reference = "#/components/schemas/{model}"
        row = model.row.model_json_schema(ref_template=reference) if model else {"type": "object"}
        rows = {
            "type": "object",
            "additionalProperties": False,
            "required": ["rows"],
            "properties": {
                "rows": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/Row"},
                    "minItems": 1,
                    "maxItems": settings.max_rows,
                }
            },
        }
        schema["components"]["schemas"] |= {"Row": row, "Rows": rows}
        if settings.api_key:  # so that /docs asks for the key
            key = {"type": "apiKey", "in": "header", "name": "X-API-Key"}
            schema["components"]["securitySchemes"] = {"ApiKey": key}
            for path in ("/predict", "/explain"):
                schema["paths"][path]["post"]["security"] = [{"ApiKey": []}]
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def body_of(schema: str) -> dict[str, Any]:
    """Return the OpenAPI description of a JSON body of one of our schemas."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"requestBody": {"required": True, "content": content}}


async def answer(request: Request, work: Callable[[bytes], bytes]) -> Response:
    """Read the body, do the work where it disturbs nobody, and answer JSON."""
    body = await request.body()
    if len(body) <= LARGEST_INLINE_BODY:
        content = work(body)
    else:
        content = await asyncio.to_thread(work, body)
    return Response(content, media_type="application/json")
