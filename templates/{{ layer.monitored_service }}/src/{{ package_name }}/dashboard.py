"""The page of the monitoring: what the job found in each window, and what became of the models. `GET /monitoring`."""

import asyncio
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse
from pydantic import BaseModel

from .service import STATIC, Problem
from .store import Event, Report, Store

MOST_WINDOWS, MOST_EVENTS = 60, 30


class Window(BaseModel):
    """What was found in a window; None where no outcome has come.

    Attributes:
        start, end: Of the window, in event time.
        status: `ok` or `alarm`.
        rows: Predictions in it.
        model_version: Of the model that was looked at.
        roc_auc: Of the rows with an outcome.
        predicted: Mean probability.
        observed: Share of the positive class.
        problems: A sentence for each finding.
    """

    start: str
    end: str
    status: str
    rows: int
    model_version: str
    roc_auc: float | None
    predicted: float | None
    observed: float | None
    problems: list[str]


class Happened(BaseModel):
    """Something that was done: a swap, a retraining, a promotion, a rollback."""

    at: str
    kind: str
    detail: dict[str, Any]


class Dashboard(BaseModel):
    """Answer of `GET /monitoring/data`, oldest first."""

    windows: list[Window]
    events: list[Happened]


def window_of(report: Report) -> Window:
    """Return what the page shows of a report."""
    summary = report.summary
    shares = summary.get("positive_share") or {}
    return Window(
        start=report.window_from.date().isoformat(),
        end=report.window_to.date().isoformat(),
        status=report.status,
        rows=summary["rows"],
        model_version=summary["model_version"],
        roc_auc=summary["performance"].get("roc_auc", {}).get("value"),
        predicted=shares.get("predicted"),
        observed=shares.get("observed"),
        problems=[problem for found in summary["problems"].values() for problem in found],
    )


def read(store: Store) -> Dashboard:
    """Read the newest windows and events.

    Raises:
        OSError: If the store does not answer.
    """
    reports: list[Report] = store.reports()[-MOST_WINDOWS:]
    events: list[Event] = store.events()[-MOST_EVENTS:]
    return Dashboard(
        windows=[window_of(report) for report in reports],
        events=[Happened(at=each.at.isoformat(), kind=each.kind, detail=dict(each.detail)) for each in events],
    )


def add_dashboard(app: FastAPI, store: Store) -> None:
    """Add the page and its data."""

    @app.get("/monitoring", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "monitoring.html")

    @app.get("/monitoring/data", responses={503: {"model": Problem}})
    async def data() -> Dashboard:
        """What the monitoring job found, and what was done about it."""
        try:
            return await asyncio.to_thread(read, store)
        except OSError as error:
            raise HTTPException(503, "The record does not answer.") from error
