"""A small search by cross-validation. `train.py` says what is tried and how it is scored."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from sklearn.model_selection import ParameterSampler

from .sections import SearchSection


def drawn_settings(params: SearchSection, seed: int) -> list[dict[str, float]]:
    """Draw settings of the model at random from the space in params.yaml."""
    return list(ParameterSampler(params.space, params.candidates, random_state=seed))


def best_of(
    trials: Sequence[dict[str, Any]], score: Callable[[dict[str, Any]], float], unit: str, mlflow: Any
) -> dict[str, Any]:
    """Score every trial and return the one with the smallest error; each is printed and logged as it ends.

    Where there is only one, nothing is to be chosen, and it is not scored.

    Args:
        trials: What is tried; `score` is called with each.
        score: Returns the error of a trial, averaged over the folds.
        unit: What the error is called.
        mlflow: The module, with a run open.

    Returns:
        `best`, the best trial, and `trials`, all of them, each with its error under the key `unit` if it was scored.
    """
    if len(trials) == 1:
        return {"best": trials[0], "trials": list(trials)}
    scored = []
    for number, trial in enumerate(trials, start=1):
        started = time.perf_counter()
        error = score(trial)
        seconds = time.perf_counter() - started
        scored.append({unit: error} | trial)
        mlflow.log_metric(f"search_{unit}", error, step=number)
        extra = "  ".join(str(value) for name, value in trial.items() if name != "settings")
        line = f"  {number:>2}/{len(trials)}  {unit} {error:>12,.6g}  {extra:<6}  {seconds:.1f} s"
        print(line, flush=True)
    return {"best": min(scored, key=lambda trial: trial[unit]), "trials": scored}
