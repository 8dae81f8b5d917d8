"""The service shell: life cycle, health, readiness, model information, metrics and the demo page.

`api.py` calls `create_service` and adds what this model can do (its own `POST` route).
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import metadata
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from fastapi.telemetry import TelemetryConfig
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel

from .limits import RequestGuard
from .settings import Settings

STATIC = Path(__file__).parent / "static"

logger = logging.getLogger(__name__)


class ServedModel(Protocol):
    """What the shell needs to know of a model."""

    @property
    def info(self) -> dict[str, Any]:
        """What `GET /model` answers: name, version, metrics, data and code version."""
        ...


@runtime_checkable
class Closable(Protocol):
    """A model that runs something of its own, which ends with the service."""

    def close(self) -> None:
        """End it."""
        ...


class Status(BaseModel):
    """Answer of `/health` and `/ready`."""

    status: str


class Problem(BaseModel):
    """Answer of a refused request."""

    detail: str


def create_service(
    load_model: Callable[[Path], ServedModel],
    settings: Settings,
    registry: CollectorRegistry,
    telemetry: TelemetryConfig | None = None,
) -> FastAPI:
    """Build the application around a model that is loaded once, when the service starts.

    A model that cannot be loaded does not stop the process: it answers `/health`, says why in its log,
    and is not ready, so that an orchestrator sends it no traffic and a person can look inside.

    Args:
        load_model: Reads the model from the folder it is given; raises OSError or ValueError if it cannot.
        settings: All settings.
        registry: Where metrics are collected; a new one for each application, so that tests do not share.
        telemetry: What FastAPI tells OpenTelemetry; by default nothing.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            app.state.model = load_model(settings.model_dir)
            logger.info("model %s is ready", app.state.model.info["version"])
        except (OSError, ValueError) as error:
            logger.error("no model: %s (train one with `uv run poe train`)", error)
        yield
        if isinstance(app.state.model, Closable):
            app.state.model.close()

    package = metadata(__package__)
    app = FastAPI(
        title=package["Name"],
        description=package["Summary"] or "",
        version=package["Version"],
        lifespan=lifespan,
        # FastAPI would look for an OpenTelemetry provider in every request; `limits.py` counts for Prometheus.
        telemetry=telemetry or {"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    app.state.model = None
    app.state.guard = None  # set when the middleware stack is built, with the first event

    def build_guard(inner: Any) -> RequestGuard:
        guard = RequestGuard(inner, settings, registry)
        app.state.guard = guard
        return guard

    app.add_middleware(build_guard)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    @app.get("/", include_in_schema=False)
    async def demo_page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    @app.get("/health")
    async def health() -> Status:
        """Is the process up?"""
        return Status(status="ok")

    @app.get("/ready", responses={503: {"model": Problem}})
    async def ready(request: Request) -> Status:
        """Is the model loaded, so that requests may come?"""
        if app.state.guard.draining:
            raise HTTPException(503, "The service is shutting down.")
        model_of(request)
        return Status(status="ready")

    @app.get("/model", responses={503: {"model": Problem}})
    async def model(request: Request) -> dict[str, Any]:
        """Name, version, metrics, data and code version of the model, and what it expects."""
        info: dict[str, Any] = model_of(request).info
        return info

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        """Metrics in Prometheus' text format."""
        return PlainTextResponse(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        # The offending value is not sent back: it may be huge, or secret, or no JSON at all (NaN).
        keep = ("type", "loc", "msg")
        return JSONResponse({"detail": [{key: e[key] for key in keep} for e in error.errors()]}, status_code=422)

    return app


def model_of(request: Request) -> Any:
    """Return the loaded model, or answer 503."""
    model = request.app.state.model
    if model is None:
        raise HTTPException(503, "No model is loaded. Train one: `uv run poe train`.")
    return model
