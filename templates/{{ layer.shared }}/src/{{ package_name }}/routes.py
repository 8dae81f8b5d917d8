"""Routes that do the work of a model: quick, typed by a schema, and documented. `api.py` of each stage uses them."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from .service import Problem

# What such a route may answer besides its result, for the documentation.
REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem},
    413: {"model": Problem},
    422: {"description": "Invalid input; `detail` names each wrong field"},
    429: {"model": Problem},
    503: {"model": Problem},
}


class DirectRoute(APIRoute):
    """A documented route whose function takes the request itself and returns the response.

    FastAPI's search for parameters and dependencies is left out: there are none, and it takes as long as a prediction.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the function itself."""
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


def validate(model: type[BaseModel], body: bytes) -> Any:
    """Read a body as `model`, or raise the error that FastAPI answers with 422."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise refused(error) from error


def refused(error: ValidationError) -> RequestValidationError:
    """Turn an error of a request model into the one that FastAPI answers with 422."""
    return RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in error.errors()])


def refusal(field: str, message: str) -> RequestValidationError:
    """Return the error that FastAPI answers with 422, about one field."""
    return RequestValidationError([{"type": "value_error", "loc": ("body", field), "msg": message}])


def ask_for_key(schema: dict[str, Any], paths: Iterable[str]) -> None:
    """Say in an OpenAPI schema that `POST` to these paths needs the API key, so that /docs asks for it."""
    key = {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    schema["components"].setdefault("securitySchemes", {})["ApiKey"] = key
    for path in paths:
        schema["paths"][path]["post"]["security"] = [{"ApiKey": []}]
