"""Metrics of drift and of the newest report, for `GET /metrics`. Worked out in a thread, every few seconds."""

import logging
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

from .drift import REFERENCE, Reference
from .drift_counter import DriftCounter
from .store import Report, Store
from .table_service import Answered

logger = logging.getLogger(__name__)


class MonitoringGauges:
    """What the service knows about drift, and what the monitoring job has found."""

    def __init__(self, store: Store, registry: CollectorRegistry) -> None:
        self.store = store
        self.counter: DriftCounter | None = None
        self.drift = Gauge(
            "drift_psi", "Distance of the newest rows from the reference", ["feature"], registry=registry
        )
        self.limit = Gauge("drift_threshold", "Distance from which on it is an alarm", ["feature"], registry=registry)
        self.rows = Gauge("drift_rows", "How many newest rows are compared with the reference", registry=registry)
        self.alarm = Gauge("monitoring_alarm", "Whether the newest report has an alarm", ["check"], registry=registry)
        self.reported = Gauge(
            "monitoring_report_timestamp_seconds", "When the newest report was written", registry=registry
        )
        self.roc_auc = Gauge("monitoring_roc_auc", "ROC AUC of the window of the newest report", registry=registry)
        self.share = Gauge(
            "monitoring_positive_share", "Share of the positive class in the newest report", ["kind"], registry=registry
        )
        for gauge in (self.roc_auc, self.reported):
            gauge.set(float("nan"))  # there is no report yet

    def use(self, folder: Path) -> None:
        """Compare with the reference of another model from now on."""
        try:
            self.counter = DriftCounter(Reference.load(folder / REFERENCE))
        except (OSError, ValueError) as error:
            logger.warning("drift is not watched: %s", error)
            self.counter = None
        for gauge in (self.drift, self.limit):
            gauge.clear()

    def observe(self, answered: Answered) -> None:
        """Note answered rows."""
        if self.counter is not None:
            self.counter.add(answered.rows, [answer["probability"] for answer in answered.answers])

    def refresh(self) -> None:
        """Work everything out again; takes time, so it is called in a thread."""
        if self.counter is not None:
            drift = self.counter.look()
            self.rows.set(drift.rows)
            for name, value in drift.psi.items():
                self.drift.labels(name).set(value)
                self.limit.labels(name).set(drift.limits[name])
        try:
            report = self.store.newest_report()
        except OSError:  # `prediction_log_store_up` says so
            return
        if report is not None:
            self.show(report)

    def show(self, report: Report) -> None:
        """Show what a report found."""
        summary = report.summary
        self.reported.set(report.created_at.timestamp())
        for check, found in summary["checks"].items():
            self.alarm.labels(check).set(found == "alarm")
        roc_auc = summary["performance"].get("roc_auc", {}).get("value")
        self.roc_auc.set(float("nan") if roc_auc is None else roc_auc)
        for kind, value in (summary.get("positive_share") or {}).items():
            self.share.labels(kind).set(float("nan") if value is None else value)
