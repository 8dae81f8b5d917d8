"""The page that a person reads after a look at the service. `monitor.py` writes it.

One HTML file that needs nothing else: no script, no font, no address outside. It opens from a disk, a mail or an
artifact of CI.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from .drift import PROBABILITY
from .store import Report

TITLES = {
    "data_quality": "Data quality",
    "feature_drift": "Features",
    "prediction_drift": "Predictions",
    "performance": "Performance",
}
MEASURES = {"roc_auc": "ROC AUC", "log_loss": "Log loss", "predicted": "Predicted share", "observed": "Observed share"}
STATES = {"ok": "as in the reference", "alarm": "alarm", "none": "nothing to look at"}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1e293b; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .2rem .6rem .2rem 0; }
th { border-bottom: 1px solid #94a3b8; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.alarm { color: #b91c1c; font-weight: 600; } .ok { color: #15803d; } .none { color: #64748b; }
.bar { background: #e2e8f0; height: .7rem; width: 14rem; }
.bar div { height: 100%; background: #2563eb; } .bar div.alarm { background: #dc2626; }
.bar div.past { background: #94a3b8; }
summary { cursor: pointer; }
@media (prefers-color-scheme: dark) { body { background: #0f172a; color: #e2e8f0; } .bar { background: #334155; } }
"""


def page(report: Report) -> str:
    """Return the page of a report."""
    summary = report.summary
    window = f"{report.window_from:%Y-%m-%d %H:%M} to {report.window_to:%Y-%m-%d %H:%M}"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(window)}</title><style>{STYLE}</style></head><body>",
        f'<h1>Monitoring: <span class="{report.status}">{report.status}</span></h1>',
        f"<p>Events from {escape(window)}: {summary['rows']} predictions over {summary['days']} days, "
        f"{summary['rows_of_this_model']} of them by the model in service "
        f"(<code>{escape(summary['model_version'])}</code>), {summary['labelled']} with an outcome. "
        f"Written {report.created_at:%Y-%m-%d %H:%M} UTC.</p>",
        *checks(summary),
        *performance(summary),
        *drift(summary),
        *quality(summary),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def checks(summary: Mapping[str, Any]) -> list[str]:
    """Show the checks and what they found."""
    rows = []
    for check, title in TITLES.items():
        state = summary["checks"][check]
        problems = "<br>".join(escape(problem) for problem in summary["problems"][check])
        rows.append([title, f'<span class="{state}">{STATES[state]}</span>', problems])
    rate = summary.get("false_alarm_rate")
    note = (
        f"<p>Limits come from windows of the same length in the reference. If this window were one of them, the chance "
        f"of a false alarm would be {rate:.1%} for this whole page.</p>"
        if rate is not None
        else ""
    )
    return [table(["Check", "State", "Found"], rows), note]


def performance(summary: Mapping[str, Any]) -> list[str]:
    """Show how good predictions were, and what they promise."""
    if summary["expected"] is None:
        return []
    parts = ["<h2>Performance</h2>"]
    if summary["performance"]:
        rows = [
            [
                MEASURES[name],
                figure(found["value"]),
                f"{figure(found['low'])} to {figure(found['high'])}",
                figure(found["limit"]),
            ]
            for name, found in summary["performance"].items()
        ]
        parts.append(table(["On rows with an outcome", "Value", "95% interval", "Limit"], rows, numbers=(1, 2, 3)))
        parts.append(f"<p>Predicted and observed share may be {summary['largest_gap']:.3f} apart.</p>")
    promised = summary["expected"]
    parts.append(
        f"<p>The probabilities themselves promise, for all rows, a ROC AUC of {figure(promised['roc_auc'])} and a log "
        f"loss of {figure(promised['log_loss'])}. That is known before any outcome. It shows harder cases, but never "
        f"that equal cases have begun to end differently.</p>"
    )
    return parts


def drift(summary: Mapping[str, Any]) -> list[str]:
    """Show the distance of each column from its reference, and the bins of those above their limit."""
    found = summary["drift"]
    if not found:
        return []
    order = sorted(found, key=lambda name: -found[name]["value"] / found[name]["limit"])
    rows = []
    for name in order:
        value, limit = found[name]["value"], found[name]["limit"]
        rows.append(
            [title_of(name), f"{value:.3f}", f"{limit:.3f}", bar(value / limit, "alarm" if value > limit else "ok")]
        )
    parts = [
        "<h2>Distance from the reference</h2>",
        table(["Column", "PSI", "Limit", "Part of the limit"], rows, numbers=(1, 2)),
    ]
    for name in order:
        bins = zip(found[name]["bins"], found[name]["reference"], found[name]["window"], strict=True)
        lines = [
            [escape(label), f"{before:.1%}", bar(before, "past"), f"{now:.1%}", bar(now, "now")]
            for label, before, now in bins
        ]
        state = "open" if name in summary["flagged"] else ""
        content = table(["Bin", "Reference", "", "Now", ""], lines, numbers=(1, 3))
        parts.append(f"<details {state}><summary>{title_of(name)}</summary>{content}</details>")
    return parts


def quality(summary: Mapping[str, Any]) -> list[str]:
    """Show missing and unknown values of each column."""
    if not summary["quality"]:
        return []
    rows = [
        [
            escape(name),
            f"{column['missing']:.1%}",
            share(column["most_missing"]),
            share(column["unknown"]),
            share(column["most_unknown"]),
            share(column["beyond"]),
            str(column["broken"]),
        ]
        for name, column in summary["quality"].items()
    ]
    header = ["Column", "Missing", "Limit", "Unknown", "Limit", "Beyond training", "Against the contract"]
    return ["<h2>Data quality</h2>", table(header, rows, numbers=range(1, 7))]


def title_of(name: str) -> str:
    """Return what a column is called on the page."""
    return "<b>the probability</b>" if name == PROBABILITY else escape(name)


def figure(value: float | None) -> str:
    """Write a figure of three digits behind the point."""
    return "" if value is None else f"{value:.3f}"


def share(value: float | None) -> str:
    """Write a share."""
    return "" if value is None else f"{value:.1%}"


def bar(part: float, kind: str) -> str:
    """Draw a bar."""
    return f'<div class="bar"><div class="{kind}" style="width:{min(part, 1):.1%}"></div></div>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Write a table of cells that are HTML already."""
    marks = ['class="n"' if place in numbers else "" for place in range(len(header))]
    head = "".join(f"<th {mark}>{escape(text)}</th>" for text, mark in zip(header, marks, strict=True))
    lines = [
        "<tr>" + "".join(f"<td {mark}>{cell}</td>" for cell, mark in zip(row, marks, strict=True)) + "</tr>"
        for row in rows
    ]
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"
