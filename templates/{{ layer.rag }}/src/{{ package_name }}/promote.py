"""Pipeline stage `promote`: decide whether the candidate becomes the champion, the knowledge base in service.

The policy, in order; the error of a search is 1 - nDCG@10 on the test questions:
  1. A candidate that does not beat the baseline (counting common words) is refused, unless it makes no error at all.
  2. One whose answers cite wrongly too often is refused.
  3. Without a champion, the candidate is promoted. So it is if the documents have changed: the champion does not know
     the new ones, and still answers from those that are gone.
  4. Else both search for today's test questions, and the candidate is promoted if its error is smaller, by more than
     `promotion.minimum_improvement` of the champion's.

Reads models/candidate/, data/prepared/, reports/metrics.json and questions.json; writes models/champion/ (only on
promotion) and reports/promotion.json; registers the candidate in MLflow and moves the alias `champion`. Run by `dvc
repro`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .config import CANDIDATE, CHAMPION, REPORTS
from .documents import QUESTIONS, Question, read_rows
from .embedders import Embedder
from .knowledge_base import KnowledgeBase, read_card
from .model_folder import install
from .params import Params, load_params
from .promotion import decide, record
from .ranking import DECISIVE, DEPTH, judge_all, relevant
from .retrieval import positions_of

ERROR_NAME = "1 - nDCG@10"
# Each sentence was checked when it was written: less than this means that the check, or the index, is broken.
LEAST_CORRECT = 0.95


def in_service(embedder: Embedder) -> KnowledgeBase | None:
    """Open the champion; None where there is none, none that works, or one of another embedder."""
    try:
        return KnowledgeBase.open(CHAMPION, embedder=embedder)
    except (OSError, ValueError):
        return None


def same_documents(one: KnowledgeBase, other: KnowledgeBase) -> bool:
    """Tell whether two knowledge bases hold the same words of the same documents, however they are cut."""

    def words(base: KnowledgeBase) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for chunk in base.passages:
            found.setdefault(chunk.document, set()).update(chunk.text.split())
        return found

    return words(one) == words(other)


def error_today(base: KnowledgeBase, questions: Sequence[Question]) -> float:
    """Let a knowledge base search for questions; returns its error."""
    right = [relevant(question, base.passages) for question in questions]
    ranked = [positions_of(base.search(each.text, count=DEPTH)) for each in questions]
    return 1 - float(judge_all(ranked, right)[DECISIVE].mean())


def judge(
    metrics: Mapping[str, Any], candidate: KnowledgeBase, champion: KnowledgeBase | None, params: Params
) -> tuple[bool, str]:
    """Apply the policy; returns whether to promote, and the reason."""
    error = 1 - metrics["model"][DECISIVE]["value"]
    # Of few documents even the baseline may find everything: a search without an error need not beat it.
    baselines = {name: 1 - result[DECISIVE]["value"] for name, result in metrics["baselines"].items() if error > 0}
    least = params.promotion.minimum_improvement
    promoted, reason = decide(error, baselines, None, least, ERROR_NAME)
    correct = metrics["answers"]["citations_correct"]
    if promoted and correct is not None and correct < LEAST_CORRECT:
        return False, f"only {correct:.0%} of its citations are correct, and at least {LEAST_CORRECT:.0%} must be"
    if not promoted or champion is None:
        return promoted, reason
    if not same_documents(candidate, champion):
        return True, f"{ERROR_NAME} {error:,.6g} beats every baseline, and the documents have changed"
    questions = [each for each in read_rows(QUESTIONS, Question) if each.part == "test" and each.document is not None]
    return decide(error, {}, error_today(champion, questions), least, ERROR_NAME)


def main() -> None:
    """Compare, decide, install, register."""
    params = load_params()
    metrics = json.loads((REPORTS / "metrics.json").read_text(encoding="utf-8"))
    candidate = KnowledgeBase.open(CANDIDATE)
    champion = in_service(candidate.embedder)
    promoted, reason = judge(metrics, candidate, champion, params)
    CHAMPION.mkdir(parents=True, exist_ok=True)  # DVC wants every output; an empty folder means "no knowledge base"
    served = None if champion is None else champion.card
    if promoted:
        served = candidate.card.model_copy(update={"metrics": metrics})
        install(served, CANDIDATE, CHAMPION, served.example)
        read_card(CHAMPION)  # raises if the copy is not what the card says
    record(candidate.card, served, promoted, reason)


if __name__ == "__main__":
    main()
