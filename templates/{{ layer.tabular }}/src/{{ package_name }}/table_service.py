"""`POST /predict` and `POST /explain` for tables, on top of the shell in `service.py`. `api.py` puts it together.

The request model is built from the columns of the loaded model, so that the API, its documentation and its error
messages follow the data contract without a line of code.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.telemetry import TelemetryConfig
from prometheus_client import CollectorRegistry, Counter
from pydantic import BaseModel, ConfigDict, Field, NaiveDatetime, WithJsonSchema, create_model

from .contract import LARGEST_NUMBER, LONGEST_TEXT, ServedColumn
from .predict import Predictor
from .routes import REFUSALS, DirectRoute, ask_for_key, validate
from .service import create_service, model_of
from .settings import Settings

# A small body is answered right on the event loop: half a millisecond of work costs less than handing it to a thread.
# A larger one goes to a thread, so that other requests do not wait behind it.
LARGEST_INLINE_BODY = 16_384
MOST_DRIVERS = 100
# A local time, as in 2013-05-31T17:05: OpenAPI's `date-time` would demand a time zone. Days as long as the month is.
LOCAL_TIME = (
    r"^\d{3}[1-9]-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))"
    r"T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$"
)


@dataclass(frozen=True)
class Answered:
    """One answered request to `POST /predict`.

    Attributes:
        rows: What was asked: values by column.
        answers: A prediction for each row, in the same order.
        model_version: Of the model that answered.
        seconds: How long reading and predicting took.
    """

    rows: Sequence[dict[str, Any]]
    answers: Sequence[dict[str, Any]]
    model_version: str
    seconds: float

    @property
    def warnings(self) -> int:
        """How many remarks the answers hold."""
        return sum(len(answer["warnings"]) for answer in self.answers)


def warnings_counter(registry: CollectorRegistry) -> Counter:
    """Return the metric that counts remarks on inputs; each stage's observer has one."""
    return Counter("prediction_warnings", "Remarks on inputs outside of the training data", registry=registry)


class TableModel:
    """A predictor together with the request model that its columns define.

    Args:
        predictor: The model.
        max_rows: Of one request.
        observe: Is told of each answered request.
    """

    def __init__(self, predictor: Predictor, max_rows: int, observe: Callable[[Answered], None]) -> None:
        self.predictor = predictor
        self.info = predictor.info
        # Strict: the text "12" is not a number, and a misspelt field is an error, not a missing value.
        strict = ConfigDict(extra="forbid", strict=True, json_schema_extra={"example": dict(predictor.card.example)})
        fields: dict[str, Any] = {column.name: field_of(column) for column in predictor.card.columns}
        self.row = create_model("Row", __config__=strict, **fields)
        rows: Any = Annotated[list[self.row], Field(min_length=1, max_length=max_rows)]  # type: ignore[name-defined]
        self.rows = create_model("Rows", __config__=ConfigDict(extra="forbid"), rows=(rows, ...), **predictor.options)
        self.observe = observe

    def predict(self, body: bytes) -> bytes:
        """Answer the body of a `POST /predict`.

        Raises:
            RequestValidationError: If the body does not hold valid rows.
        """
        started = time.perf_counter()
        # pydantic reads the JSON itself, three times as fast as json.loads and a validation after it.
        request = vars(validate(self.rows, body))
        rows = [vars(row) for row in request.pop("rows")]
        answers = self.predictor.predict(rows, **request)
        self.observe(Answered(rows, answers, self.predictor.card.version, time.perf_counter() - started))
        return to_json(self.predictor.header() | {"predictions": answers})

    def explain(self, body: bytes) -> bytes:
        """Answer the body of a `POST /explain`.

        Raises:
            RequestValidationError: If the body is not one valid row.
        """
        row = vars(validate(self.row, body))
        (answer,) = self.predictor.predict([row])
        drivers = self.predictor.explain(row)[:MOST_DRIVERS]
        return to_json(self.predictor.header() | {"prediction": answer, "drivers": drivers})


def to_json(answer: dict[str, Any]) -> bytes:
    """Write an answer: what pydantic would write, in a third of the time."""
    return orjson.dumps(answer, default=vars)


def field_of(column: ServedColumn) -> tuple[Any, Any]:
    """Return type and default of a request field, as pydantic's `create_model` takes them."""
    kind: Any
    if column.kind == "number":
        lowest = -LARGEST_NUMBER if column.minimum is None else column.minimum
        kind = Annotated[float, Field(ge=lowest, le=LARGEST_NUMBER, allow_inf_nan=False)]
    elif column.kind == "time":
        kind = Annotated[NaiveDatetime, WithJsonSchema({"type": "string", "pattern": LOCAL_TIME})]
    else:
        kind = Annotated[str, Field(max_length=LONGEST_TEXT)]
    known = f"Known values: {', '.join(column.categories[:30])}" if column.categories else ""
    about = Field(description=". ".join(text for text in (column.description, known) if text))
    return (Annotated[kind | None, about], None) if column.nullable else (Annotated[kind, about], ...)


def create_table_service(
    load: Callable[[Path], TableModel],
    settings: Settings,
    registry: CollectorRegistry,
    telemetry: TelemetryConfig | None = None,
) -> FastAPI:
    """Build the application around a table model, as `service.create_service` does."""
    app = create_service(load, settings, registry, telemetry)

    async def predict(request: Request) -> Response:
        """Predict one row or many; each prediction comes with remarks on the input."""
        return await answer(request, model_of(request).predict)

    async def explain(request: Request) -> Response:
        """Predict one row and say what drives the prediction."""
        return await answer(request, model_of(request).explain)

    for path, endpoint, answer_model, schema in (
        ("/predict", predict, Predictor.answers, "Rows"),
        ("/explain", explain, Predictor.explanation, "Row"),
    ):
        app.router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            response_model=answer_model,
            responses=REFUSALS,
            openapi_extra=body_of(schema),
            route_class_override=DirectRoute,
        )

    # Routes are tried in order: the ones that do the work come first.
    app.router.routes.sort(key=lambda route: getattr(route, "methods", None) != {"POST"})

    def openapi() -> dict[str, Any]:
        """Describe the API, with the request model of the loaded model."""
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schema["components"]["schemas"] |= request_schemas(app.state.model)
        if settings.needs_key:
            ask_for_key(schema, [path for path, methods in schema["paths"].items() if "post" in methods])
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def request_schemas(model: TableModel | None) -> dict[str, Any]:
    """Return the JSON schemas of the two request bodies; without a model it is only known that they are objects."""
    if model is None:
        return {"Row": {"type": "object"}, "Rows": {"type": "object"}}
    return schemas_of(model.rows, "Rows")


def schemas_of(model: type[BaseModel], name: str) -> dict[str, Any]:
    """Return the JSON schema of a body under a name, and those that it refers to."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions: dict[str, Any] = schema.pop("$defs")
    return definitions | {name: schema}


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
