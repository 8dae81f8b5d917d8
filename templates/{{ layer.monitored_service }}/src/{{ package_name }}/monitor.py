"""Look at a window of what the service did: data quality, drift, and how good it was. `uv run poe monitor`.

    uv run poe monitor                                         # the newest week in the record
    uv run poe monitor --from 2013-07-01 --to 2013-07-08       # another one, up to before the second day

Writes a page in reports/monitoring/ and a row into the store, from which the service's metrics and so the alerts come.
An alarm is a finding and not a failure: the exit code is 0. `replay.py` calls `look` for each week.
"""

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from . import performance
from .config import CHAMPION, REPORTS
from .drift import PROBABILITY, Reference, day_numbers
from .false_alarms import Counts
from .features import columns_of
from .model_folder import write_atomically
from .monitoring_report import page
from .predict import Predictor
from .quality import ColumnQuality, quality_of
from .settings import Settings
from .store import Report, Store
from .windows import read_window

DAYS = 7
FOLDER = REPORTS / "monitoring"
CHECKS = ("data_quality", "feature_drift", "prediction_drift", "performance")
BOOTSTRAP_SAMPLES, SEED = 200, 0

Limits = Mapping[str, float]
Summary = dict[str, Any]


def summarise(table: pd.DataFrame, predictor: Predictor, reference: Reference) -> Summary:
    """Look at a window.

    Args:
        table: One row for each prediction, as `windows.read_window` returns it.
        predictor: The model in service; probabilities and outcomes count only where it answered.
        reference: Of this model.

    Returns:
        What the store keeps and the page shows. `checks` holds for each of CHECKS `ok`, `alarm`, or `none` where there
        was nothing to look at; `problems` a sentence for each finding.
    """
    mine = table[table["model_version"] == predictor.card.version]
    summary: Summary = {
        "model_version": predictor.card.version,
        "rows": len(table),
        "rows_of_this_model": len(mine),
        "labelled": int(mine["outcome"].notna().sum()),
        "days": days_of(table, reference),
        "checks": dict.fromkeys(CHECKS, "none"),
        "problems": {check: [] for check in CHECKS},
        "quality": {},
        "drift": {},
        "performance": {},
        "expected": None,
    }
    if len(table):
        limits = reference.limits(summary["days"], len(table))
        summary["false_alarm_rate"] = reference.rate_for(summary["days"])
        check_quality(summary, quality_of(table, predictor.card.columns), limits)
        check_features(summary, table, predictor, reference, limits)
    if len(mine):
        check_predictions(summary, mine, reference)
    if summary["labelled"]:
        check_performance(summary, mine[mine["outcome"].notna()], predictor, reference)
    summary["flagged"] = [name for name, found in summary["drift"].items() if found["value"] > found["limit"]]
    return {name: finite(value) for name, value in summary.items()}


def days_of(table: pd.DataFrame, reference: Reference) -> int:
    """Return how many days the rows reach over, whatever the window was meant to be."""
    if reference.time is None or not len(table):
        return 1
    days = day_numbers(table[reference.time].dropna().to_numpy())
    return int(days.max() - days.min()) + 1 if len(days) else 1


def check_quality(summary: Summary, found: Sequence[ColumnQuality], limits: Limits) -> None:
    """Compare missing and unknown values with the reference; what the contract forbids is a problem at once."""
    problems = summary["problems"]["data_quality"]
    for column in found:
        most_missing = limits.get(f"missing:{column.name}", math.inf)
        most_unknown = limits.get(f"unknown:{column.name}", math.inf)
        summary["quality"][column.name] = vars(column) | {"most_missing": most_missing, "most_unknown": most_unknown}
        if column.broken:
            problems.append(f"{column.name}: {column.broken} rows are against the contract")
        if column.missing > most_missing:
            problems.append(f"{column.name}: {column.missing:.1%} are missing (limit {most_missing:.1%})")
        if column.unknown is not None and column.unknown > most_unknown:
            problems.append(
                f"{column.name}: {column.unknown:.1%} are values that training never saw (limit {most_unknown:.1%})"
            )
    conclude(summary, "data_quality")


def check_features(
    summary: Summary, table: pd.DataFrame, predictor: Predictor, reference: Reference, limits: Limits
) -> None:
    """Compare what came in with the reference."""
    values = columns_of(table, predictor.card.columns)
    for watched in reference.watched:
        if watched.name != PROBABILITY:
            compare(summary, "feature_drift", reference, watched.name, watched.counts(values[watched.name]), limits)
    conclude(summary, "feature_drift")


def check_predictions(summary: Summary, mine: pd.DataFrame, reference: Reference) -> None:
    """Compare what went out with the reference, and say what it promises."""
    probability = mine[PROBABILITY].to_numpy(dtype=np.float64)
    limits = reference.limits(days_of(mine, reference), len(mine))
    counts = reference.watched[-1].counts(probability)
    compare(summary, "prediction_drift", reference, PROBABILITY, counts, limits)
    conclude(summary, "prediction_drift")
    summary["expected"] = performance.expected(probability)
    summary["positive_share"] = {"predicted": float(probability.mean()), "observed": None}


def compare(summary: Summary, check: str, reference: Reference, name: str, counts: Counts, limits: Limits) -> None:
    """Note the distance of a column from the reference, and its bins."""
    value, limit = reference.psi({name: counts})[name], limits[f"psi:{name}"]
    watched = next(each for each in reference.watched if each.name == name)
    total = reference.totals[name]
    summary["drift"][name] = {
        "value": value,
        "limit": limit,
        "bins": watched.labels(),
        "reference": (total / total.sum()).tolist(),
        "window": (counts / counts.sum()).tolist(),
    }
    if value > limit:
        summary["problems"][check].append(f"{name}: PSI {value:.3f} (limit {limit:.3f})")


def check_performance(summary: Summary, labelled: pd.DataFrame, predictor: Predictor, reference: Reference) -> None:
    """Compare how good the predictions were with the reference, on the rows whose outcome has arrived."""
    outcomes, decisions = (labelled[name].to_numpy(dtype=object) for name in ("outcome", "decision"))
    it_happened = performance.happened(predictor.card.policy, outcomes, decisions)
    probability = labelled[PROBABILITY].to_numpy(dtype=np.float64)
    if reference.time is None:
        day = np.zeros(len(labelled), dtype=np.int64)
    else:
        day = np.unique(day_numbers(labelled[reference.time].to_numpy()), return_inverse=True)[1]
    scores = performance.daily_scores(day, int(day.max()) + 1, it_happened, probability)
    limits = reference.limits(days_of(labelled, reference), len(labelled))
    found = performance.with_intervals(scores, BOOTSTRAP_SAMPLES, SEED)
    summary["performance"] = {
        "roc_auc": found["roc_auc"] | {"limit": limits["roc_auc"]},
        "log_loss": found["log_loss"] | {"limit": limits["log_loss"]},
        "predicted": found["predicted"] | {"limit": None},
        "observed": found["observed"] | {"limit": None},
    }
    predicted, observed = found["predicted"]["value"], found["observed"]["value"]
    summary["positive_share"] = {"predicted": predicted, "observed": observed}
    summary["largest_gap"] = limits["gap"]
    problems = summary["problems"]["performance"]
    if found["roc_auc"]["value"] < limits["roc_auc"]:
        problems.append(f"ROC AUC {found['roc_auc']['value']:.3f} (limit {limits['roc_auc']:.3f})")
    if found["log_loss"]["value"] > limits["log_loss"]:
        problems.append(f"log loss {found['log_loss']['value']:.3f} (limit {limits['log_loss']:.3f})")
    if abs(observed - predicted) > limits["gap"]:
        problems.append(f"predicted were {predicted:.1%}, observed {observed:.1%} (limit {limits['gap']:.1%} apart)")
    conclude(summary, "performance")


def conclude(summary: Summary, check: str) -> None:
    """Say whether a check found anything."""
    summary["checks"][check] = "alarm" if summary["problems"][check] else "ok"


def finite(value: Any) -> Any:
    """Replace numbers that JSON does not have by None."""
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def look(store: Store, start: datetime, end: datetime, champion: Path = CHAMPION, folder: Path = FOLDER) -> Report:
    """Look at the events from `start` to before `end`; write the page and the row in the store.

    Args:
        store: The record.
        start: Of the window, in event time.
        end: Of the window; what happens at this moment is not in it.
        champion: The model in service, with its reference.json.
        folder: Where the page goes.

    Raises:
        OSError: If the store does not answer, or there is no model or no reference.
        ValueError: If a file is damaged.
    """
    predictor = Predictor.load(champion)
    reference = Reference.load(champion / "reference.json")
    table = read_window(store, start, end, predictor.card.columns)
    summary = summarise(table, predictor, reference)
    name = f"{start:%Y-%m-%d}-to-{end:%Y-%m-%d}-{predictor.card.version}.html"
    summary["page"] = (folder / name).as_posix()
    report = Report(start, end, "alarm" if "alarm" in summary["checks"].values() else "ok", summary)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / name, page(report))
    store.add_report(report)
    return report


def newest_window(store: Store) -> tuple[datetime, datetime]:
    """Return the last DAYS whole days up to the newest event in the record, its own day included.

    Raises:
        OSError: If the store does not answer.
        SystemExit: If it is empty.
    """
    newest = store.newest_event()
    if newest is None:
        raise SystemExit("error: the record is empty: ask the service for predictions first")
    end = midnight(newest.date() + timedelta(days=1))
    return end - timedelta(days=DAYS), end


def midnight(day: date) -> datetime:
    """Return the moment at which a day begins."""
    return datetime.combine(day, datetime.min.time())


def one_line(report: Report) -> str:
    """Say in one line what was found."""
    summary = report.summary
    problems = [problem for check in CHECKS for problem in summary["problems"][check]]
    found = "; ".join(problems) if problems else "nothing unusual"
    window = f"{report.window_from:%Y-%m-%d} to {report.window_to:%Y-%m-%d}"
    return (
        f"{report.status}: {window}, {summary['rows']} predictions, {summary['labelled']} outcomes: {found} "
        f"({summary['page']})"
    )


def main() -> None:
    """Look, and say what was found."""
    parser = argparse.ArgumentParser(description="Look at a window of what the service did.")
    parser.add_argument("--from", dest="start", type=datetime.fromisoformat, help="first moment, as 2013-07-01")
    parser.add_argument("--to", dest="end", type=datetime.fromisoformat, help="the window ends before it")
    parser.add_argument("--json", action="store_true", help="print everything that was found")
    asked = parser.parse_args()
    try:
        store = Store(Settings().database_url)
        start, end = asked.start, asked.end
        if end is None:
            end = newest_window(store)[1] if start is None else start + timedelta(days=DAYS)
        start = end - timedelta(days=DAYS) if start is None else start
        if start >= end:
            parser.error("the window ends before it begins")
        report = look(store, start, end)
    except (OSError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error
    print(json.dumps(report.summary, indent=2) if asked.json else one_line(report))


if __name__ == "__main__":
    main()
