"""The service: a table model behind `POST /predict` and `POST /explain`. Start: `uv run poe serve`."""

from pathlib import Path

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from .observed import Observer
from .predict import Predictor
from .settings import Settings
from .table_service import TableModel, create_table_service


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; uvicorn and the tests call it."""
    settings = settings or Settings()
    registry = CollectorRegistry()

    def load(folder: Path) -> TableModel:
        predictor = Predictor.load(folder)
        return TableModel(predictor, settings.max_rows, Observer(predictor, registry).observe)

    return create_table_service(load, settings, registry)
