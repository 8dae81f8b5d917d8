"""Pipeline stage `promote`: decide whether the candidate becomes the champion, the model in service.

The policy, in order; models are compared by the bits per character that they need for the test documents:
  1. A candidate that does not beat every baseline is refused: the n-gram models, and of a fine-tuned network the
     pretrained one.
  2. A fine-tuned network that has forgotten more general knowledge than `LARGEST_LOSS` is refused.
  3. Without a champion, the candidate is promoted.
  4. Else both judge those of today's test documents that the champion was not trained on; the candidate is promoted if
     it needs fewer bits, by more than `promotion.minimum_improvement` of the champion's, or if there are none.

Reads models/candidate/, data/prepared/, reports/metrics.json and reports/documents.json; writes models/champion/ (only
on promotion) and reports/promotion.json; registers the candidate in MLflow and moves the alias `champion`. Run by `dvc
repro`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from .config import CANDIDATE, CHAMPION, REPORTS
from .copies import checksum_of
from .dataset import TOKENIZER, Part, load_part
from .metrics import DECISIVE, DECISIVE_NAME, bits_per_character
from .model_folder import install
from .params import Params, load_params
from .predict import Predictor
from .promotion import decide, record
from .scoring import judged, of_graph, sizes_of, text_of
from .tokenizer import encode_document, token_bytes

# Of 24 questions, four more wrong ones than before fine-tuning are more than chance explains.
LARGEST_LOSS = 0.15


def in_service() -> Predictor | None:
    """Load the champion; None where there is none, or none that works."""
    try:
        return Predictor.load(CHAMPION, threads=0)
    except (OSError, ValueError):
        return None


def bits_today(champion: Predictor, texts: Sequence[str], whole: Sequence[bool]) -> float:
    """Let the champion judge texts, cut into tokens by its own tokenizer.

    Args:
        champion: The model in service.
        texts: Of documents.
        whole: Whether each is a whole document: only then there is an end to predict.
    """
    tokens = [encode_document(champion.tokenizer, text) for text in texts]
    documents = [each if ends else each[:-1] for each, ends in zip(tokens, whole, strict=True)]
    losses = judged(of_graph(champion), documents, champion.card.context)
    return bits_per_character(sizes_of(documents, champion.pieces), losses)


def unseen_by(champion: Predictor, test: Part) -> list[int]:
    """Return the places of the test documents that the champion was not trained on: they may have moved since."""
    seen = set(champion.card.seen)
    return [place for place, document in enumerate(test.documents) if checksum_of(document) not in seen]


def bits_of_some(table: Mapping[str, Any], places: Sequence[int]) -> float:
    """Return the candidate's bits per character of some of the documents in reports/documents.json."""
    sizes = np.array(table["characters"], dtype=np.float64)[places, np.newaxis]
    return bits_per_character(sizes, np.array(table["loss"])[places])


def judge(metrics: Mapping[str, Any], champion: Predictor | None, params: Params) -> tuple[bool, str]:
    """Apply the policy; returns whether to promote, and the reason."""
    baselines = {name: result[DECISIVE]["value"] for name, result in metrics["baselines"].items()}
    least = params.promotion.minimum_improvement
    promoted, reason = decide(metrics["model"][DECISIVE]["value"], baselines, None, least, DECISIVE_NAME)
    if promoted and (objection := forgotten(metrics)):
        return False, objection
    if not promoted or champion is None:
        return promoted, reason
    test = load_part("test")
    pieces = token_bytes(Tokenizer.from_file(str(TOKENIZER)))
    judged_today = list(test.first(params.evaluate.tokens))
    places = [place for place in unseen_by(champion, test) if place < len(judged_today)]
    if not places:
        return True, "it beats every baseline, and the champion was trained on all of today's test documents"
    table = json.loads((REPORTS / "documents.json").read_text(encoding="utf-8"))
    texts = [text_of(judged_today[place], pieces) for place in places]
    whole = [len(judged_today[place]) == len(test.tokens[place]) for place in places]
    return decide(bits_of_some(table, places), {}, bits_today(champion, texts, whole), least, DECISIVE_NAME)


def forgotten(metrics: Mapping[str, Any]) -> str | None:
    """Return why a fine-tuned network is refused, if it has forgotten too much."""
    asked = metrics.get("retention")
    if asked is None or asked["before"] - asked["after"] <= LARGEST_LOSS:
        return None
    return f"it has forgotten: {asked['after']:.0%} of general questions are right, {asked['before']:.0%} before"


def main() -> None:
    """Compare, decide, install, register."""
    params = load_params()
    metrics = json.loads((REPORTS / "metrics.json").read_text(encoding="utf-8"))
    candidate, champion = Predictor.load(CANDIDATE), in_service()
    promoted, reason = judge(metrics, champion, params)
    CHAMPION.mkdir(parents=True, exist_ok=True)  # DVC wants every output; an empty folder means "no model"
    if promoted:
        card = candidate.card.model_copy(update={"metrics": metrics})
        install(card, CANDIDATE, CHAMPION, card.example)
        champion = candidate
    record(candidate.card, None if champion is None else champion.card, promoted, reason)


if __name__ == "__main__":
    main()
