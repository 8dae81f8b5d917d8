"""What the slides of every stage have in common. `talk.py` uses it."""

from collections.abc import Iterable
from typing import Any


def bullets(lines: Iterable[str]) -> str:
    """Write a Markdown list."""
    return "\n".join(f"- {line}" for line in lines)


def picture(name: str, title: str) -> str:
    """Show a picture of the pipeline."""
    return f"![{title}](reports/{name})"


def deployment(promotion: dict[str, Any], *more: str) -> str:
    """Say which model serves, and why.

    Args:
        promotion: The content of reports/promotion.json.
        more: What else was measured.
    """
    champion = promotion["champion"]
    served = "No model in service yet"
    if champion:
        day = champion["trained_at"][:10]
        served = f"In service: model `{champion['version']}` of {day}, from git `{champion['git_commit']}`"
    return bullets([served, f"Last decision: {promotion['reason']}", *more])
