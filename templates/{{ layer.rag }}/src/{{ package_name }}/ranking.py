"""How good is a ranking? Recall, reciprocal rank and nDCG. `tuning.py` and `evaluate.py` use them."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from .bootstrap import Floats, Metric, with_intervals
from .documents import Chunk, Question

# The metric that decides, and those beside it. A ranking is judged down to this depth.
DECISIVE, DECISIVE_NAME = "ndcg_at_10", "nDCG@10"
TITLES = {DECISIVE: DECISIVE_NAME, "mrr_at_10": "MRR@10", "recall_at_5": "recall@5", "recall_at_1": "recall@1"}
DEPTH = 10


def relevant(question: Question, chunks: Sequence[Chunk]) -> set[int]:
    """Return the positions of the passages that answer a question: all of its section."""
    return {position for position, chunk in enumerate(chunks) if question.is_answered_by(chunk)}


def judge(ranked: Sequence[int], right: set[int]) -> dict[str, float]:
    """Judge one ranking.

    Args:
        ranked: Positions of passages, best first.
        right: The positions that answer the question; at least one.

    Returns:
        `recall_at_k`: 1 if one of the first k passages is right. A question here has one section that answers it, and
        one of its passages is enough. `mrr_at_10`: 1 / rank of the first right one, 0 beyond 10. `ndcg_at_10`:
        discounted cumulative gain over the best possible one (Järvelin and Kekäläinen 2002).
    """
    hits = np.array([position in right for position in ranked[:DEPTH]], dtype=np.float64)
    discounts = 1 / np.log2(np.arange(2, DEPTH + 2))
    possible = discounts[: min(len(right), DEPTH)].sum()
    first = int(np.argmax(hits)) if hits.any() else None
    return {
        "recall_at_1": float(hits[:1].any()),
        "recall_at_5": float(hits[:5].any()),
        "mrr_at_10": 0.0 if first is None else 1 / (first + 1),
        "ndcg_at_10": float((hits * discounts[: len(hits)]).sum() / possible),
    }


def judge_all(rankings: Iterable[Sequence[int]], right: Iterable[set[int]]) -> dict[str, Floats]:
    """Judge rankings; returns each metric for each question, shape (questions,)."""
    judged = [judge(ranked, positions) for ranked, positions in zip(rankings, right, strict=True)]
    return {name: np.array([each[name] for each in judged]) for name in TITLES}


def summarised(judged: Mapping[str, Floats], samples: int, seed: int) -> dict[str, dict[str, float]]:
    """Return the mean of each metric with its 95% bootstrap interval over questions."""
    table = np.stack([judged[name] for name in TITLES], axis=1)
    means = {name: mean_of_column(column) for column, name in enumerate(TITLES)}
    return with_intervals(means, table, table, samples, seed)


def mean_of_column(column: int) -> Metric:
    """Return the metric that is a column's mean."""
    return lambda _, rows: float(rows[:, column].mean())
