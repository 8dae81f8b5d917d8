"""Logs and traces: lines with the id of their request, as text or as JSON; spans for OpenTelemetry by one setting."""

import logging
import os
from logging.handlers import RotatingFileHandler

from fastapi.telemetry import TelemetryConfig
from pythonjsonlogger.json import JsonFormatter

from .request_ids import current_request
from .settings import Settings

TEXT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"
LARGEST_FILE, FILES = 10_000_000, 5
UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access")


class WithRequest(logging.Filter):
    """Gives each record the id of the request during which it was written."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the id; every record passes."""
        record.request_id = current_request.get()
        return True


def formatter(settings: Settings) -> logging.Formatter:
    """Return what makes a line of a record."""
    if settings.log_format == "text":
        return logging.Formatter(TEXT)
    names = {"asctime": "time", "levelname": "level", "name": "logger"}
    return JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(request_id)s %(message)s", rename_fields=names, json_ensure_ascii=False
    )


def configure(settings: Settings) -> None:
    """Set up the lines of all loggers, uvicorn's included, on the console and in the file."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if settings.log_file is not None:
        settings.log_file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(
            RotatingFileHandler(settings.log_file, maxBytes=LARGEST_FILE, backupCount=FILES - 1, encoding="utf-8")
        )
    for handler in handlers:
        handler.setFormatter(formatter(settings))
        handler.addFilter(WithRequest())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.handlers = handlers
    root.setLevel(settings.log_level.upper())
    for name in UVICORN:  # they have handlers of their own, without the id
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True


def telemetry(settings: Settings) -> TelemetryConfig | None:
    """Return what FastAPI shall tell OpenTelemetry: spans of requests, where a collector is named."""
    if settings.otel_exporter_otlp_endpoint is None:
        return None
    # FastAPI and the exporter read it there, whether it came from the environment or from `.env`.
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = settings.otel_exporter_otlp_endpoint
    os.environ.setdefault("OTEL_SERVICE_NAME", (__package__ or "").replace("_", "-"))
    return {"tracing": True, "metrics": False, "logs": False, "auto_configure": True}
