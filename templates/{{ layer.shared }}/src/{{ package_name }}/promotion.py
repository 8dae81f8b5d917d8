"""The policy of promotion, and its record. `promote.py` finds out the errors and installs the model."""

import json

from . import tracking
from .config import REPORTS
from .model_folder import ModelCard, write_atomically


def decide(
    candidate: float, baselines: dict[str, float], champion: float | None, minimum_improvement: float, error: str
) -> tuple[bool, str]:
    """Apply the policy.

    Args:
        candidate: Its error on the test part.
        baselines: The same for each baseline.
        champion: The same for the model in service; None where none is comparable.
        minimum_improvement: Share of the champion's error by which the candidate must be better.
        error: What the error is called.

    Returns:
        Whether to promote, and the reason as a sentence.
    """
    for name, value in baselines.items():
        if candidate >= value:
            return False, f"{error} {candidate:,.6g} does not beat the {name} baseline ({value:,.6g})"
    if champion is None:
        return True, f"{error} {candidate:,.6g} beats every baseline, and there is no champion yet"
    if candidate < champion * (1 - minimum_improvement):
        return True, f"{error} {candidate:,.6g} beats the champion's {champion:,.6g}"
    return False, f"{error} {candidate:,.6g} does not beat the champion's {champion:,.6g}"


def record(candidate: ModelCard, champion: ModelCard | None, promoted: bool, reason: str, **more: str) -> None:
    """Record a decision: in the registry of MLflow and its alias `champion`, in reports/promotion.json, and in print.

    Args:
        candidate: The card that was decided about.
        champion: The card of the model in service now, after the decision; None if no candidate was ever good enough.
        promoted: The decision.
        reason: The reason for it.
        more: What else promotion.json shall say about the candidate.
    """
    with tracking.run(candidate.origin["run_id"]) as mlflow:
        tags = {"promoted": str(promoted), "reason": reason}
        version = tracking.register(mlflow, candidate.origin["logged_as"], tags)
        if promoted and version is not None:
            mlflow.MlflowClient().set_registered_model_alias(tracking.PROJECT, "champion", version)
    decision = {
        "promoted": promoted,
        "reason": reason,
        "candidate": candidate.version,
        **more,
        "champion": champion and {"version": champion.version, **champion.origin},
    }
    write_atomically(REPORTS / "promotion.json", json.dumps(decision, indent=2) + "\n")
    print(("Promoted: " if promoted else "Not promoted: ") + reason)
