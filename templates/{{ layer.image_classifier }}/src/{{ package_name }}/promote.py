"""Pipeline stage `promote`: decide whether the candidate becomes the champion, the model in service.

The policy, in order; models are compared by their error rate on the test images:
  1. A candidate that does not beat both baselines is refused.
  2. Without a champion that knows the same classes, the candidate is promoted.
  3. Else both classify today's test images; the candidate is promoted if its error rate is smaller by more than
     `promotion.minimum_improvement` of the champion's.

Reads models/candidate/ and reports/metrics.json; writes models/champion/ (only on promotion) and
reports/promotion.json; registers the candidate in MLflow and moves the alias `champion`. Run by `dvc repro`.
"""

import json

from .config import CANDIDATE, CHAMPION, REPORTS
from .dataset import Part, load_part
from .metrics import DECISIVE, DECISIVE_NAME, error_rate
from .model_folder import install
from .params import load_params
from .predict import Card, Predictor
from .promotion import decide, record


def in_service() -> Predictor | None:
    """Load the champion; None where there is none, or none that works."""
    try:
        return Predictor.load(CHAMPION, threads=0)
    except (OSError, ValueError):
        return None


def error_today(champion: Predictor | None, test: Part) -> float | None:
    """Let the champion classify the test images; None where there is no champion for these classes and this size."""
    if champion is None or champion.card.classes != test.classes:
        return None
    card = champion.card
    if (card.size, card.size, card.channels) != test.images.shape[1:]:
        return None
    return error_rate(test.labels, champion.probabilities(test.images))


def request_of(card: Card) -> dict[str, str]:
    """Return the example image as a request."""
    return {"image": card.example}


def main() -> None:
    """Compare, decide, install, register."""
    params = load_params().promotion
    metrics = json.loads((REPORTS / "metrics.json").read_text(encoding="utf-8"))
    candidate, champion = Predictor.load(CANDIDATE), in_service()
    promoted, reason = decide(
        metrics["model"][DECISIVE]["value"],
        {name: result[DECISIVE]["value"] for name, result in metrics["baselines"].items()},
        error_today(champion, load_part("test")),
        params.minimum_improvement,
        DECISIVE_NAME,
    )
    CHAMPION.mkdir(parents=True, exist_ok=True)  # DVC wants every output; an empty folder means "no model"
    if promoted:
        card = candidate.card.model_copy(update={"metrics": metrics})
        install(card, CANDIDATE, CHAMPION, request_of(card))
        champion = candidate
    record(candidate.card, None if champion is None else champion.card, promoted, reason)


if __name__ == "__main__":
    main()
