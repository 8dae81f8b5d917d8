"""The pictures of the report. `evaluate.py` draws them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from .documents import Question
from .figures import BLUE, DOTS_PER_INCH, GREY, RED, new_figure
from .knowledge_base import KnowledgeBase
from .ranking import TITLES

NAMES = {"common words": "common words", "bm25": "BM25", "dense": "dense", "hybrid": "hybrid", "model": "chosen"}


def draw_search(summary: Mapping[str, Mapping[str, Mapping[str, float]]], path: Path) -> None:
    """Draw the metrics of each kind of search side by side, with their intervals."""
    figure = new_figure(7.5, 3.6)
    axes = figure.subplots()
    width = 0.8 / len(NAMES)
    places = np.arange(len(TITLES))
    for number, (name, title) in enumerate(NAMES.items()):
        results = [summary[name][metric] for metric in TITLES]
        values = np.array([result["value"] for result in results])
        around = np.array([[result["value"] - result["low"], result["high"] - result["value"]] for result in results])
        colour = BLUE if name == "model" else GREY
        axes.bar(
            places + (number - 2) * width,
            values,
            width,
            yerr=around.T.clip(min=0),
            label=title,
            color=colour,
            alpha=1 if name == "model" else 0.25 + 0.15 * number,
            error_kw={"elinewidth": 0.8, "ecolor": "black"},
        )
    axes.set_xticks(places, list(TITLES.values()))
    axes.set(ylim=(0, 1), ylabel="on the test questions")
    axes.legend(ncols=len(NAMES), fontsize="small", loc="upper center", bbox_to_anchor=(0.5, 1.18), frameon=False)
    figure.savefig(path, dpi=DOTS_PER_INCH)


def draw_refusals(base: KnowledgeBase, questions: Sequence[Question], path: Path) -> None:
    """Draw how near the nearest passage is to questions with and without an answer in the documents."""
    figure = new_figure(7.5, 2.8)
    axes = figure.subplots()
    groups = (("answered by the documents", BLUE, True), ("not answered by them", RED, False))
    for row, (title, colour, wanted) in enumerate(groups):
        near = [base.search(each.text, count=1).nearest for each in questions if (each.document is not None) == wanted]
        offsets = row + np.linspace(-0.25, 0.25, len(near))
        axes.plot(near, offsets, "o", color=colour, alpha=0.6, markersize=4, label=title)
    axes.axvline(base.card.choice.least_cosine, color=GREY, linestyle="--", label="refused to the left of this")
    axes.set(xlabel="cosine of the question and its nearest passage", yticks=[])
    axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, 1.25), ncols=3, frameon=False)
    figure.savefig(path, dpi=DOTS_PER_INCH)
