"""Pipeline stage `promote`: what becomes of the candidate, by the policy in `policy.py`.

Reads models/candidate/, data/prepared/ and reports/; writes models/champion/ or models/challenger/ and
reports/promotion.json; registers the candidate in MLflow and moves the alias `champion`. Run by `dvc repro`.
"""

import json

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .bootstrap import Floats, with_intervals
from .comparison import in_service
from .config import CANDIDATE, CHAMPION, PREPARED, REPORTS
from .data import load_contract
from .dataset import codes_of
from .drift import REFERENCE
from .metrics import DECISIVE
from .params import Params, load_params
from .policy import PRIOR, Evidence, Gain, decide
from .predict import Card, Predictor
from .promotion import record
from .releases import ARCHIVE, put, release, release_base_rate, withdraw
from .settings import Settings


def losses(predictor: Predictor, test: pd.DataFrame) -> Floats | None:
    """Return the log loss of each row, shape (rows,); None where the model was trained on other columns or classes."""
    classes = predictor.card.policy.classes
    if predictor.card.target not in test or not set(test[predictor.card.target]) <= set(classes):
        return None
    try:
        probabilities = predictor.outputs(predictor.features.from_frame(test))
    except (KeyError, ValueError):
        return None
    truth = codes_of(test[predictor.card.target], classes)
    return losses_of(probabilities[np.arange(len(truth)), truth])


def losses_of(probabilities: Floats) -> Floats:
    """Return -log of the probabilities of what came, shape (rows,)."""
    found: Floats = -np.log(np.maximum(probabilities, np.finfo(np.float64).eps))
    return found


def gain_of(challenger: Floats, champion: Floats, days: NDArray[np.int64], samples: int, seed: int) -> Gain:
    """Compare two models row by row.

    Args:
        challenger: Log loss of each row, shape (rows,).
        champion: The same of the other model.
        days: The day of each row; rows of one day are resampled together.
        samples: Of the bootstrap.
        seed: Makes the result repeatable.
    """
    found = with_intervals({"gain": mean_difference}, champion, challenger, samples, seed, days)["gain"]
    return Gain(**found)


def mean_difference(first: Floats, second: Floats) -> float:
    """Return by how much the first is larger, on average."""
    return float(np.mean(first - second))


def evidence_of(candidate: Predictor, champion: Predictor | None, test: pd.DataFrame, params: Params) -> Evidence:
    """Compare candidate and champion on the newest rows with outcomes."""
    metrics = json.loads((REPORTS / "metrics.json").read_text(encoding="utf-8"))
    baselines = {name: result[DECISIVE]["value"] for name, result in metrics["baselines"].items()}
    mine, theirs = losses(candidate, test), None if champion is None else losses(champion, test)
    if mine is None:
        raise SystemExit("error: the candidate does not fit data/prepared: run `uv run poe train`")
    gain = None
    if theirs is not None:
        time = load_contract().time()
        days = np.arange(len(test)) if time is None else test[time].to_numpy("datetime64[D]").astype(np.int64)
        gain = gain_of(mine, theirs, days, params.evaluate.bootstrap_samples, params.evaluate.seed)
    return Evidence(
        challenger=float(mine.mean()),
        champion=None if theirs is None else float(theirs.mean()),
        baselines=baselines,
        gain=gain,
        least_gain=params.promotion.minimum_improvement,
    )


def main() -> None:
    """Compare, decide, put where it belongs, register."""
    params = load_params()
    candidate, champion = Predictor.load(CANDIDATE), in_service()
    test = pd.read_parquet(PREPARED / "test.parquet")
    evidence = evidence_of(candidate, champion, test, params)
    verdict, reason = decide(evidence)
    if champion is not None and champion.card.version == candidate.card.version:
        verdict, reason = "keep", "it is the model in service"
    for folder in (CHAMPION, ARCHIVE):  # DVC wants every output; an empty folder means "no model"
        folder.mkdir(parents=True, exist_ok=True)
    metrics = json.loads((REPORTS / "metrics.json").read_text(encoding="utf-8"))
    table = pd.read_csv(REPORTS / "importance.csv")
    importance = dict(zip(table["feature"], table["growth_of_error"], strict=True))
    card = candidate.card.model_copy(update={"metrics": metrics, "importance": importance})
    served: Card | None = None if champion is None else champion.card
    withdraw()
    if verdict == "production":
        release(card, CANDIDATE, reference=REPORTS / REFERENCE)
        served = card
    elif verdict == "shadow":
        put(card, CANDIDATE, Settings().challenger_dir, REPORTS / REFERENCE)
    elif verdict == "baseline" and card.policy.positive is not None:
        positive = card.policy.classes[card.policy.positive]
        served = release_base_rate(float((test[card.target] == positive).mean()), {DECISIVE: evidence.baselines[PRIOR]})
    record(candidate.card, served, verdict == "production", reason, target=candidate.card.target, verdict=verdict)


if __name__ == "__main__":
    main()
