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

import pandas as pd

from .comparison import error_today, in_service
from .config import CANDIDATE, CHAMPION, PREPARED, REPORTS
from .data import load_contract
from .metrics import DECISIVE, DECISIVE_NAME
from .model_folder import install
from .params import load_params
from .predict import Predictor
from .promotion import decide, record


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
        DECISIVE_NAME,
    )
    CHAMPION.mkdir(parents=True, exist_ok=True)  # DVC wants every output; an empty folder means "no model"
    if promoted:
        table = pd.read_csv(REPORTS / "importance.csv")
        importance = dict(zip(table["feature"], table["growth_of_error"], strict=True))
        card = candidate.card.model_copy(update={"metrics": metrics, "importance": importance})
        install(card, CANDIDATE, CHAMPION, {"rows": [card.example]})
        champion = candidate
    served = None if champion is None else champion.card
    record(candidate.card, served, promoted, reason, target=candidate.card.target)


if __name__ == "__main__":
    main()
