"""`project.yml`: the facts that a portfolio page and slides read. `report.py` writes the results into it.

The stage's `summary.py` says with `headline()` which results they are.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from .wording import number

PROJECT_FILE = Path("project.yml")


class Result(BaseModel):
    """A figure of the test data against the best baseline, rounded as the documents show it.

    Attributes:
        name: What was measured.
        value: The figure.
        low: Lower end of its 95% interval.
        high: Upper end of its 95% interval.
        baseline: The best of the baselines.
        baseline_value: Its figure.
        unit: Unit of all figures, if they have one.
        higher_is_better: Whether a larger figure is the better one.
    """

    name: str
    value: float
    low: float
    high: float
    baseline: str
    baseline_value: float
    unit: str | None = None
    higher_is_better: bool

    @property
    def is_better(self) -> bool:
        """Whether the figure is better than the baseline's."""
        return self.value > self.baseline_value if self.higher_is_better else self.value < self.baseline_value

    @property
    def is_surely_better(self) -> bool:
        """Whether all of its interval is better than the baseline's figure."""
        return self.low > self.baseline_value if self.higher_is_better else self.high < self.baseline_value


class Headline(BaseModel):
    """What the report says first.

    Attributes:
        results: One to three of them.
        rows: How many rows (or images, or documents) the model learned from.
    """

    results: list[Result]
    rows: int


class Project(BaseModel):
    """What project.yml says, as far as programs here read it."""

    author: str
    demo: str | None
    mine: bool


def as_number(value: float) -> float:
    """Round a figure as `wording.number` writes it."""
    return float(number(value).replace(",", ""))


def against_baselines(
    metrics: Mapping[str, Any],
    key: str,
    name: str,
    titles: Mapping[str, str],
    *,
    higher_is_better: bool,
    rounding: Callable[[float], float] = as_number,
    unit: str | None = None,
) -> Result:
    """Return the model's figure beside that of the baseline which is best at it.

    Args:
        metrics: The content of reports/metrics.json.
        key: The metric's key there.
        name: Its name for readers.
        titles: Names of the baselines by their keys, as in the documents.
        higher_is_better: Whether a larger figure is the better one.
        rounding: Rounds as the documents do.
        unit: Unit of the rounded figures.
    """
    baselines = {title: each[key]["value"] for title, each in metrics["baselines"].items()}
    best = (max if higher_is_better else min)(baselines, key=lambda each: baselines[each])
    return Result(
        name=name,
        **{end: rounding(metrics["model"][key][end]) for end in ("value", "low", "high")},
        baseline=titles[best].removesuffix(" (baseline)"),
        baseline_value=rounding(baselines[best]),
        unit=unit,
        higher_is_better=higher_is_better,
    )


def results_as_yaml(headline: Headline | None, champion: Mapping[str, str] | None) -> str:
    """Return what stands between the markers of project.yml.

    Args:
        headline: The results; None before the first run.
        champion: The model in service, from reports/promotion.json.
    """
    results = [whole_numbers(result) for result in headline.results] if headline else []
    trained = None
    if headline and champion:
        trained = {"date": champion["trained_at"][:10], "version": champion["version"], "rows": headline.rows}
    facts = {"results": results, "trained": trained}
    return yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, width=1000).strip()


def whole_numbers(result: Result) -> dict[str, Any]:
    """Return the fields of a result, with 27969 in place of 27969.0."""
    fields = result.model_dump(exclude_none=True)
    return {name: int(each) if isinstance(each, float) and each.is_integer() else each for name, each in fields.items()}


def read_project(path: Path = PROJECT_FILE) -> Project:
    """Read the project's file.

    Raises:
        SystemExit: If it is no YAML, or a field that programs need is missing or wrong; the message names it.
    """
    try:
        return Project.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SystemExit(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise SystemExit(f"{path}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error
