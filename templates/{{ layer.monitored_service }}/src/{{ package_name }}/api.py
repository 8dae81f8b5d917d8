"""The service: predictions that are recorded, outcomes that come later, models that change. `uv run poe serve`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from .dashboard import add_dashboard
from .feedback import add_feedback_route
from .logs import configure, telemetry
from .production import Production
from .request_ids import RequestIds
from .settings import Settings
from .table_service import create_table_service


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; uvicorn and the tests call it."""
    settings = settings or Settings()
    registry = CollectorRegistry()
    production = Production(settings, registry)
    app = create_table_service(production.load, settings, registry, telemetry(settings))
    app.state.production = production
    add_dashboard(app, production.store)
    app.add_middleware(RequestIds)
    add_feedback_route(app, production.store, registry, production.classes)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if settings.log_format == "json" or settings.log_file is not None:
            configure(settings)
        async with inner(app), production.running(app):
            yield

    app.router.lifespan_context = lifespan
    return app
