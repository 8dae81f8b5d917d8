"""Chooses how passages are searched, by the development questions: a hybrid must earn its place. `index.py` uses it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from .documents import Chunk, Question
from .params import RetrieveSection
from .ranking import DECISIVE, DEPTH, judge_all, relevant
from .retrieval import Choice, Retriever, positions_of


def choices_of(params: RetrieveSection) -> dict[str, Choice]:
    """Return what is tried, by name; simple before complex."""
    tried = {"bm25": Choice(mode="bm25"), "dense": Choice(mode="dense")}
    for weight in params.dense_weights:
        tried[f"hybrid {weight:g}"] = Choice(mode="hybrid", dense_weight=weight)
    return {name: each.model_copy(update={"candidates": params.candidates}) for name, each in tried.items()}


def tune(
    retriever: Retriever, chunks: Sequence[Chunk], questions: Sequence[Question], params: RetrieveSection
) -> tuple[Choice, dict[str, Any]]:
    """Choose mode, weight and the cosine below which a question counts as unanswerable.

    The best on the development questions is taken, of equal ones the simplest. Without questions it is the plain dense
    search, and nothing is refused.

    Returns:
        The choice, and what was measured on the way.
    """
    answerable = [each for each in questions if each.part == "dev" and each.document is not None]
    unanswerable = [each for each in questions if each.part == "dev" and each.document is None]
    tried = choices_of(params)
    report: dict[str, Any] = {"questions": len(answerable), "unanswerable": len(unanswerable), "tried": {}}
    chosen = tried["dense"]
    if answerable:
        right = [relevant(question, chunks) for question in answerable]
        for name, choice in tqdm(tried.items(), desc="choose", disable=None):
            rankings = [positions_of(retriever.search(each.text, choice, DEPTH)) for each in answerable]
            report["tried"][name] = float(judge_all(rankings, right)[DECISIVE].mean())
        best = max(report["tried"], key=report["tried"].__getitem__)  # of equal ones the first
        chosen, report["best"] = tried[best], best
    if answerable and unanswerable:
        near = [retriever.search(each.text, chosen, 1).nearest for each in answerable]
        far = [retriever.search(each.text, chosen, 1).nearest for each in unanswerable]
        least = threshold(near, far)
        chosen = chosen.model_copy(update={"least_cosine": least})
    return chosen, report


def threshold(near: Sequence[float], far: Sequence[float]) -> float:
    """Return the cosine that best separates answerable questions from others (Youden 1950).

    Both kinds of error weigh the same: an answer that is withheld, and one from passages that say nothing about it.
    """
    values = np.unique(np.array([*near, *far]))
    middles = [float(values[0]) - 0.01, *((values[1:] + values[:-1]) / 2).tolist()]
    kept = np.array(near)[:, np.newaxis] >= middles
    refused = np.array(far)[:, np.newaxis] < middles
    return round(float(middles[int(np.argmax(kept.mean(axis=0) + refused.mean(axis=0)))]), 4)
