"""How figures are written in the documents, and where the model in service comes from. `summary.py` uses it."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from .config import REPORTS
from .tracking import raw_data

NOT_YET = "_No results yet: run `uv run poe demo`._"


def number(value: float) -> str:
    """Write a figure with as many digits as a reader can use."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def cell(result: dict[str, float]) -> str:
    """Write a metric with its interval."""
    return f"{number(result['value'])} ({number(result['low'])} to {number(result['high'])})"


def figure(result: dict[str, float]) -> str:
    """Write a metric of three digits behind the point with its interval."""
    return f"{result['value']:.3f} ({result['low']:.3f} to {result['high']:.3f})"


def plain(text: str) -> str:
    """Return a text on one line that Markdown shows as it is."""
    one_line = " ".join(text.split())
    return "".join(f"\\{character}" if character in "\\`*_[]<>|#~" else character for character in one_line)


def read(name: str) -> Any:
    """Read one of the pipeline's JSON files."""
    return json.loads((REPORTS / name).read_text(encoding="utf-8"))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("|" + "|".join(f" {text} " if text else " " for text in line) + "|" for line in lines)


def file_facts() -> dict[str, str]:
    """Say which files the data are, for the data card."""
    files = [f"`{path}`, MD5 `{md5}`" for path, md5 in raw_data().items()]
    return {"Files": "; ".join(files) or "unknown"}


def origin_facts(promotion: dict[str, Any]) -> dict[str, str]:
    """Say where the model in service comes from, and why the last candidate was promoted or not.

    Args:
        promotion: The content of reports/promotion.json.
    """
    champion = promotion["champion"]
    return {
        "Model in service": f"`{champion['version']}`, trained at {champion['trained_at']}" if champion else "none",
        "Code and data": f"git `{champion['git_commit']}`, data MD5 `{champion['data_md5']}`" if champion else "",
        "Last decision": promotion["reason"],
    }
