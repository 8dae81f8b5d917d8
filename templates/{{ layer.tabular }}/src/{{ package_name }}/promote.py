"""Pipeline stage `promote`: decide whether the candidate becomes the champion, the model in service.

The policy, in order; models are compared by one error, which `metrics.py` names:
  1. A candidate that does not beat every baseline is refused.
  2. Without a champion that predicts the same target, the candidate is promoted.
  3. Else both predict today's test part; the candidate is promoted if its error is smaller by more than
     `promotion.minimum_improvement` of the champion's.

Reads models/candidate/ and reports/metrics.json; writes models/champion/ (only on promotion) and
reports/promotion.json; registers the candidate in MLflow and moves the alias `champion`. Run by `dvc repro`.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from . import tracking
from .config import CANDIDATE, CHAMPION, PREPARED, REPORTS
from .data import load_contract
from .metrics import DECISIVE, DECISIVE_NAME, decisive_error
from .params import load_params
from .predict import Predictor


def decide(
    candidate: float, baselines: dict[str, float], champion: float | None, minimum_improvement: float
) -> tuple[bool, str]:
    """Apply the policy.

    Args:
        candidate: Its error on the test part.
        baselines: The same for each baseline.
        champion: The same for the model in service; None where none is comparable.
        minimum_improvement: Share of the champion's error by which the candidate must be better.

    Returns:
        Whether to promote, and the reason as a sentence.
    """
    for name, value in baselines.items():
        if candidate >= value:
            return False, f"{DECISIVE_NAME} {candidate:,.6g} does not beat the {name} baseline ({value:,.6g})"
    if champion is None:
        return True, f"{DECISIVE_NAME} {candidate:,.6g} beats every baseline, and there is no champion yet"
    if candidate < champion * (1 - minimum_improvement):
        return True, f"{DECISIVE_NAME} {candidate:,.6g} beats the champion's {champion:,.6g}"
    return False, f"{DECISIVE_NAME} {candidate:,.6g} does not beat the champion's {champion:,.6g}"


def in_service() -> Predictor | None:
    """Load the champion; None where there is none, or none that works."""
    try:
        return Predictor.load(CHAMPION)
    except (OSError, ValueError):
        return None


def error_today(champion: Predictor | None, test: pd.DataFrame, target: str) -> float | None:
    """Let the champion predict the test part; None where there is no champion for this table and target."""
    if champion is None or champion.card.target != target:
        return None
    try:
        return decisive_error(champion, test)
    except (KeyError, ValueError):  # it was trained on other columns
        return None


def install(candidate: Predictor, source: Path, champion: Path, results: dict[str, dict[str, Any]]) -> None:
    """Put the candidate in the champion's place, complete or not at all.

    The graph is copied under its own name first. Then model.json, which names the graph, is replaced in one atomic
    step: a service that starts at any moment finds the old model or the new one.

    Args:
        candidate: The loaded candidate.
        source: Its folder.
        champion: The folder that the service reads.
        results: What evaluation found, for the card: `metrics` and `importance`.
    """
    champion.mkdir(parents=True, exist_ok=True)
    card = candidate.card.model_copy(update=results)
    shutil.copyfile(source / card.graph_file, champion / card.graph_file)
    request = {"rows": [card.example]}
    write_atomically(champion / "example.json", json.dumps(request, indent=2) + "\n")
    write_atomically(champion / "model.json", card.model_dump_json(indent=2) + "\n")
    for old in champion.glob("model-*.onnx"):
        if old.name != card.graph_file:
            old.unlink()


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    partial.replace(path)


def main() -> None:
    """Compare, decide, install, register."""
    params = load_params().promotion
    metrics = json.loads((REPORTS / "metrics.json").read_text(encoding="utf-8"))
    candidate = Predictor.load(CANDIDATE)
    test = pd.read_parquet(PREPARED / "test.parquet")
    champion = in_service()
    promoted, reason = decide(
        metrics["model"][DECISIVE]["value"],
        {name: result[DECISIVE]["value"] for name, result in metrics["baselines"].items()},
        error_today(champion, test, load_contract().target),
        params.minimum_improvement,
    )
    CHAMPION.mkdir(parents=True, exist_ok=True)  # DVC wants every output; an empty folder means "no model"
    if promoted:
        table = pd.read_csv(REPORTS / "importance.csv")
        importance = dict(zip(table["feature"], table["growth_of_error"], strict=True))
        install(candidate, CANDIDATE, CHAMPION, {"metrics": metrics, "importance": importance})
        champion = candidate

    origin = candidate.card.origin
    with tracking.run(origin["run_id"]) as mlflow:
        tags = {"promoted": str(promoted), "reason": reason}
        version = tracking.register(mlflow, origin["logged_as"], tags)
        if promoted and version is not None:
            mlflow.MlflowClient().set_registered_model_alias(tracking.PROJECT, "champion", version)
    decision = {
        "promoted": promoted,
        "reason": reason,
        "candidate": candidate.card.version,
        "target": candidate.card.target,
        # What is in service now; None if no candidate was ever good enough.
        "champion": champion and {"version": champion.card.version, **champion.card.origin},
    }
    write_atomically(REPORTS / "promotion.json", json.dumps(decision, indent=2) + "\n")
    print(("Promoted: " if promoted else "Not promoted: ") + reason)


if __name__ == "__main__":
    main()
