"""`POST /feedback`: what turned out to be true, sent when it is known, joined by the id of the prediction.

`api.py` adds the route. Sending an outcome twice changes nothing; one that contradicts the first is refused and
counted.
"""

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Request, Response
from prometheus_client import CollectorRegistry, Counter
from pydantic import BaseModel, ConfigDict, Field

from .contract import LONGEST_TEXT
from .routes import REFUSALS, DirectRoute, refusal, validate
from .store import Outcome, Store
from .table_service import body_of, schemas_of

MOST_OUTCOMES = 1000
# Threads for the database alone: one that hangs must not take the threads that predictions need, nor may the calls
# that wait for it fill up the service.
THREADS = 2
MOST_WAITING = 16


class ObservedOutcome(BaseModel):
    """What turned out to be true.

    Attributes:
        prediction_id: The id that `POST /predict` gave with the prediction.
        outcome: The class that was the right one.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    prediction_id: Annotated[str, Field(pattern=r"^[0-9A-Za-z._:-]+-[0-9]+$", max_length=LONGEST_TEXT)]
    outcome: Annotated[str, Field(pattern=r"^[^\x00-\x1f]+$", max_length=LONGEST_TEXT)]


class Feedback(BaseModel):
    """Body of `POST /feedback`."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"example": {"outcomes": [{"prediction_id": "5f0c2a9e-0", "outcome": "yes"}]}},
    )

    outcomes: Annotated[list[ObservedOutcome], Field(min_length=1, max_length=MOST_OUTCOMES)]


class Taken(BaseModel):
    """Answer of `POST /feedback`.

    Attributes:
        new: Outcomes that were kept.
        known: Outcomes that had been sent before.
        refused: Outcomes that contradict what had been sent before; that stays.
    """

    new: int
    known: int
    refused: int


def add_feedback_route(
    app: FastAPI,
    store: Store | str,
    registry: CollectorRegistry,
    classes: Callable[[], Collection[str]] | None = None,
) -> None:
    """Add `POST /feedback` to the service.

    Args:
        app: The service.
        store: Where outcomes are kept, or its URL.
        registry: Where metrics are collected.
        classes: Returns the outcomes that there can be; without it every text is one.
    """
    counts = Counter("feedback_outcomes", "True outcomes that were sent", ["result"], registry=registry)
    for result in Taken.model_fields:  # shown as 0 before the first
        counts.labels(result)
    kept = Store.at(store)
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="feedback")
    waiting = 0

    async def feedback(request: Request) -> Response:
        """Bring true outcomes; each is kept once, however often it is sent."""
        nonlocal waiting
        body: Feedback = validate(Feedback, await request.body())
        if classes is not None:
            check_classes(body, classes())
        if waiting >= MOST_WAITING:
            raise unavailable()
        outcomes = [Outcome(each.prediction_id, each.outcome) for each in body.outcomes]
        waiting += 1
        try:
            counted = await asyncio.get_running_loop().run_in_executor(threads, kept.add_outcomes, outcomes)
        except OSError as error:
            raise unavailable() from error
        finally:
            waiting -= 1
        taken = Taken(new=counted.new, known=counted.known, refused=counted.changed_refused)
        for result, count in taken:
            counts.labels(result).inc(count)
        return Response(taken.model_dump_json(), media_type="application/json")

    app.router.add_api_route(
        "/feedback",
        feedback,
        methods=["POST"],
        response_model=Taken,
        responses=REFUSALS,
        openapi_extra=body_of(Feedback.__name__),
        route_class_override=DirectRoute,
    )
    inner = app.openapi

    def openapi() -> dict[str, Any]:
        """Describe the API, with the outcomes that the loaded model knows."""
        schema = inner()
        schema["components"]["schemas"] |= request_schemas(() if classes is None else classes())
        return schema

    app.openapi = openapi  # type: ignore[method-assign]


def request_schemas(classes: Collection[str]) -> dict[str, Any]:
    """Return the JSON schemas of the body; without classes every text is an outcome."""
    schemas = schemas_of(Feedback, Feedback.__name__)
    if classes:
        schemas[ObservedOutcome.__name__]["properties"]["outcome"] = {"enum": sorted(classes)}
    return schemas


def check_classes(body: Feedback, classes: Collection[str]) -> None:
    """Refuse an outcome that cannot be: kept once, it could never be corrected.

    Raises:
        RequestValidationError: If there is one.
    """
    for place, each in enumerate(body.outcomes):
        if each.outcome not in classes:
            raise refusal(f"outcomes.{place}.outcome", f"Must be one of: {', '.join(sorted(classes))}")


def unavailable() -> HTTPException:
    """Return the answer while the store does not take outcomes."""
    message = "The store of outcomes does not answer. Send them again later: what has been kept is not kept twice."
    return HTTPException(503, message, {"Retry-After": "5"})
