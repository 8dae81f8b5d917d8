"""What surrounds the model in service: the record of predictions, shadow mode, drift counters, and new models.

`api.py` starts it with the application. Nothing here makes a client wait: what takes time happens in threads.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, Gauge

from .gauges import MonitoringGauges
from .observed import Observer
from .predict import Predictor
from .prediction_log import PredictionLog, logged
from .request_ids import current_request
from .settings import Settings
from .shadow import Shadow, Shadowed
from .store import Role, Store
from .swapping import Watched, watch
from .table_service import Answered, TableModel

SECONDS_BETWEEN_LOOKS = 2.0  # at drift and the newest report


class Production:
    """A service around models that come and go."""

    def __init__(self, settings: Settings, registry: CollectorRegistry) -> None:
        self.settings, self.registry = settings, registry
        self.store = Store(settings.database_url)
        self.observer: Observer | None = None
        self.time: str | None = None
        self.shown: dict[str, str] = {}
        self.outcomes: list[str] = []
        self.log: PredictionLog | None = None
        self.shadow: Shadow | None = None
        self.gauges = MonitoringGauges(self.store, registry)
        self.swaps = Counter("model_swaps", "Attempts to take a new model", ["role", "result"], registry=registry)
        for role in ("champion", "challenger"):
            for result in ("ok", "failed"):  # shown as 0 before the first
                self.swaps.labels(role, result)
        self.info = Gauge("model_info", "The models that answer", ["role", "version"], registry=registry)

    def classes(self) -> list[str]:
        """Return the outcomes that there can be; none while there is no model."""
        return self.outcomes

    # ------------------------------------------------------------ loading

    def load(self, folder: Path) -> TableModel:
        """Load a model and let it answer its own example.

        Raises:
            OSError: If a file is not there.
            ValueError: If the files are damaged.
        """
        predictor = self.load_predictor(folder)
        if self.observer is None:
            self.observer = Observer(predictor, self.registry)
        self.gauges.use(folder)
        self.time = predictor.features.time
        self.outcomes = predictor.card.policy.classes
        return TableModel(predictor, self.settings.max_rows, self.observe)

    def load_predictor(self, folder: Path) -> Predictor:
        """Load a model that answers."""
        predictor = Predictor.load(folder)
        predictor.predict([predictor.card.example])
        return predictor

    def show(self, role: str, version: str | None) -> None:
        """Say in the metrics which model has a role."""
        if role in self.shown:
            self.info.remove(role, self.shown.pop(role))
        if version is not None:
            self.info.labels(role, version).set(1)
            self.shown[role] = version

    # ------------------------------------------------------------ each request

    def observe(self, answered: Answered) -> None:
        """Note an answered request; returns at once."""
        if self.observer is not None:
            self.observer.observe(answered)
        self.gauges.observe(answered)
        request = current_request.get()
        self.keep(request, "champion", answered.rows, answered.answers, answered.model_version, answered.seconds)
        if self.shadow is not None and self.shadow.challenger is not None:
            decisions = [answer["decision"] for answer in answered.answers]
            self.shadow.put(Shadowed(request, answered.rows, decisions))

    def keep(
        self,
        identity: str,
        role: Role,
        rows: Sequence[dict[str, Any]],
        answers: Sequence[dict[str, Any]],
        version: str,
        seconds: float,
    ) -> None:
        """Hand a request over to the record."""
        if self.log is None:
            return
        request = logged(
            identity, rows, answers, model_version=version, seconds=seconds, time_column=self.time, role=role
        )
        self.log.put(request)

    def keep_shadow(self, request: Shadowed, answers: list[dict[str, Any]], version: str, seconds: float) -> None:
        """Hand the challenger's answers over to the record."""
        self.keep(request.request_id, "shadow", request.rows, answers, version, seconds)

    # ------------------------------------------------------------ life cycle

    @asynccontextmanager
    async def running(self, app: FastAPI) -> AsyncIterator[None]:
        """Run the threads, and look for new models, as long as the application runs."""
        settings = self.settings
        if settings.log_predictions:
            self.log = PredictionLog(
                self.store,
                self.registry,
                settings.log_capacity_rows,
                settings.log_batch_rows,
                settings.log_interval_seconds,
            )
        self.shadow = Shadow(self.keep_shadow, self.registry)
        folders: list[Watched[Any]] = [
            Watched(settings.model_dir, self.load, lambda model: self.use(app, model), self.note("champion")),
            Watched(settings.challenger_dir, self.load_predictor, self.use_challenger, self.note("challenger")),
        ]
        folders[1].seen = None  # a challenger that is there already is found at the first look
        if app.state.model is not None:
            self.show("champion", app.state.model.info["version"])
        tasks = [asyncio.create_task(watch(folders, settings.reload_seconds)), asyncio.create_task(self.refresh())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(self.close)

    async def refresh(self) -> None:
        """Work out the metrics of monitoring again and again."""
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            await asyncio.to_thread(self.gauges.refresh)

    def use(self, app: FastAPI, model: TableModel | None) -> None:
        """Let another model answer from now on; where the folder was emptied, the old one goes on."""
        if model is not None:
            app.state.model = model
            app.openapi_schema = None
            self.show("champion", model.predictor.card.version)

    def use_challenger(self, challenger: Predictor | None) -> None:
        """Let another model work in shadow mode, or none."""
        if self.shadow is not None:
            self.shadow.challenger = challenger
        self.show("challenger", None if challenger is None else challenger.card.version)

    def note(self, role: str) -> Any:
        """Return what counts and records how a swap went."""

        def noted(ok: bool, problem: str) -> None:
            self.swaps.labels(role, "ok" if ok else "failed").inc()
            kind, detail = ("swap", {"role": role}) if ok else ("swap_failed", {"role": role, "problem": problem})
            with suppress(Exception):  # the database may be down; the metric has counted it
                self.store.add_event(kind, detail)

        return noted

    def close(self) -> None:
        """Write what is left."""
        if self.shadow is not None:
            self.shadow.close()
        if self.log is not None:
            self.log.close(timeout=10)
        self.store.close()
