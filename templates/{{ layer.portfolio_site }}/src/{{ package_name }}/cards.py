"""From a project to HTML: the card on the first page, and the project's own page. Called by `gather.py`.

All that a project says is escaped, so that nothing of it is taken for markup. Zensical turns links between files of
`docs/` into links between pages, in HTML as in Markdown.
"""

import json
from dataclasses import dataclass
from html import escape

from .record import Record, Result

UNTRAINED = "Not trained yet."
EMPTY = (
    "<p>No projects yet. Name yours in <code>projects.yaml</code>, then run <code>uv run poe demo</code> again.</p>\n"
)


@dataclass(frozen=True)
class Project:
    """A project that was gathered.

    Attributes:
        record: What it says about itself.
        name: Its name in addresses: the page is `projects/NAME/`.
        picture: File name of its picture in `docs/projects/`; None if it has none.
    """

    record: Record
    name: str
    picture: str | None


def number(value: float) -> str:
    """Return a figure as people write it: whole from 1,000 on, else with four significant digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def amount(value: float, unit: str | None) -> str:
    """Return a figure with its unit; a percent sign stands close."""
    return f"{number(value)}{'' if unit == '%' else ' '}{unit}" if unit else number(value)


def comparison(result: Result) -> str:
    """Return how a result compares with its baseline; nothing if it has none."""
    if result.baseline is None or result.baseline_value is None:
        return ""
    gain = result.value - result.baseline_value
    better = gain > 0 if result.higher_is_better else gain < 0
    word = "better" if better else "not better"
    return f"{word} than {result.baseline}, {amount(result.baseline_value, result.unit)}"


def interval(result: Result) -> str:
    """Return the interval of a result, as in "21,000 to 28,000"; nothing if it has none."""
    if result.low is None or result.high is None:
        return ""
    return f"{number(result.low)} to {number(result.high)}"


def with_interval(result: Result) -> str:
    """Return a result with its interval, if it has one."""
    between = f" ({interval(result)})" if interval(result) else ""
    return amount(result.value, result.unit) + between


def headline(record: Record) -> str:
    """Return the first result as a paragraph, or that there is none yet."""
    if not record.results:
        return f'<p class="result untrained">{UNTRAINED}</p>'
    result = record.results[0]
    between = f" ({interval(result)})" if interval(result) else ""
    against = f"; {comparison(result)}" if comparison(result) else ""
    figure = f"<strong>{escape(amount(result.value, result.unit))}</strong>"
    return f'<p class="result">{figure} {escape(result.name + between + against)}</p>'


def stack(record: Record) -> str:
    """Return what a project is built with."""
    names = " ".join(f"<code>{escape(name)}</code>" for name in record.stack)
    return f'<p class="stack">{names}</p>' if names else ""


def links(record: Record) -> str:
    """Return the links to a project's code, its README and its demo; each says to a screen reader whose it is."""
    targets = {
        "Code": record.repository,
        "README": f"{record.repository}#readme" if record.repository else None,
        "Demo": record.demo,
    }
    shown = [
        f'<a href="{escape(target)}" aria-label="{escape(f"{label} of {record.title}")}">{label}</a>'
        for label, target in targets.items()
        if target
    ]
    return f'<p class="links">{" ".join(shown)}</p>' if shown else ""


def picture(project: Project, folder: str) -> str:
    """Return the picture, of which `folder` is the way from the page; nothing if there is none."""
    if project.picture is None:
        return ""
    text = escape(f"{project.record.title}: {project.record.summary}")
    return f'<img src="{folder}{escape(project.picture)}" alt="{text}" loading="lazy">'


def card(project: Project) -> str:
    """Return a project's card."""
    record = project.record
    page = f"projects/{project.name}.md"
    shown = picture(project, "projects/")
    parts = [
        f'<p class="picture">{shown}</p>' if shown else "",
        f'<h2 id="{project.name}"><a href="{page}">{escape(record.title)}</a></h2>',
        f"<p>{escape(record.summary)}</p>",
        headline(record),
        stack(record),
        links(record),
    ]
    return "<li>\n" + "".join(f"{part}\n" for part in parts if part) + "</li>\n"


def cards(projects: list[Project]) -> str:
    """Return the cards of all projects, as docs/index.md includes them."""
    if not projects:
        return EMPTY
    return '<div class="grid cards projects">\n<ul>\n' + "".join(map(card, projects)) + "</ul>\n</div>\n"


def results_table(results: list[Result]) -> str:
    """Return all results of a project as a table."""
    head = "<tr><th>Measured</th><th>Result (interval)</th><th>Compared</th><th>Better is</th></tr>"
    rows = [
        [
            result.name,
            with_interval(result),
            comparison(result),
            "higher" if result.higher_is_better else "lower",
        ]
        for result in results
    ]
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f'<table class="results">\n<thead>{head}</thead>\n<tbody>\n{body}</tbody>\n</table>'


def training(record: Record) -> str:
    """Return when the model was trained, and on how much."""
    if record.trained is None:
        return ""
    rows = f", on {record.trained.rows:,} rows" if record.trained.rows is not None else ""
    return f"<p>Trained on {record.trained.date}{rows}; version <code>{escape(record.trained.version)}</code>.</p>"


def page(project: Project) -> str:
    """Return the page of a project: Markdown whose body is HTML."""
    record = project.record
    shown = picture(project, "")
    parts = [
        f"<h1>{escape(record.title)}</h1>",
        f"<p>{escape(record.summary)}</p>",
        links(record),
        f"<p>{shown}</p>" if shown else "",
        "<h2>Results</h2>",
        results_table(record.results) if record.results else f'<p class="untrained">{UNTRAINED}</p>',
        training(record),
        f"<h2>Built with</h2>\n{stack(record)}" if record.stack else "",
        '<p><a href="../index.md">All projects</a></p>',
    ]
    head = {"title": record.title, "description": record.summary}
    # The theme writes both into the page as they stand.
    matter = "".join(f"{name}: {json.dumps(escape(text), ensure_ascii=False)}\n" for name, text in head.items())
    return f"---\n{matter}---\n\n<div>\n" + "".join(f"{part}\n" for part in parts if part) + "</div>\n"
