"""The results as Markdown that fits on slides, for slides.md (see `report.py`).

Every figure comes from a file that the pipeline wrote.
"""

from collections.abc import Sequence
from typing import Any

from .deck import bullets, deployment, picture
from .summary import SEARCHES, percent
from .wording import NOT_YET, figure, number, plain, read, table

SLIDES = (
    "slide-data",
    "slide-result",
    "slide-picture",
    "slide-answers",
    "slide-sample",
    "slide-errors",
    "slide-deployment",
)
METRICS = {"ndcg_at_10": "nDCG@10", "recall_at_5": "recall@5"}
# Characters of an answer that fit on a slide.
SHOWN = 400


def slides() -> dict[str, str]:
    """Return the Markdown of each marked part of the talk; a hint where the pipeline has not run."""
    try:
        metrics, quality, index = read("metrics.json"), read("data_quality.json"), read("index.json")
        promotion, answers, embedding = read("promotion.json"), read("answers.json"), read("embedding.json")
    except (OSError, ValueError):
        return dict.fromkeys(SLIDES, NOT_YET)
    seconds = metrics["answers"]["seconds"]
    times = (
        f"Median time until the passages are found: {1000 * seconds['retrieval']['p50']:.0f} ms; until the end of the "
        f"answer: {number(seconds['total']['p50'])} s"
    )
    return {
        "slide-data": data(metrics, quality, index, embedding),
        "slide-result": result(metrics, index["choice"]["mode"]),
        "slide-picture": picture("search.png", "Kinds of search side by side"),
        "slide-answers": checks(metrics["answers"]),
        "slide-sample": sample(answers),
        "slide-errors": errors(metrics["answers"]),
        "slide-deployment": deployment(promotion, times),
    }


def data(metrics: dict[str, Any], quality: dict[str, Any], index: dict[str, Any], embedding: dict[str, Any]) -> str:
    """Say how many documents, passages and questions there are."""
    lines = [
        f"{quality['documents']} documents with {quality['words']:,} words, in {embedding['passages']:,} passages",
        f"{metrics['rows']} test questions whose answer is known; {index['development']['questions']} others to choose "
        "how passages are searched",
    ]
    return bullets(lines)


def result(metrics: dict[str, Any], chosen: str) -> str:
    """Return the kinds of search side by side."""
    found = {**metrics["baselines"], **metrics["search"]}
    rows = (
        [f"**{title} (chosen)**" if name == chosen else title, *(figure(found[name][metric]) for metric in METRICS)]
        for name, title in SEARCHES.items()
    )
    text = [
        f"{metrics['rows']} test questions, with the 95% bootstrap interval over questions:",
        "",
        table(["Search", *METRICS.values()], rows),
    ]
    return "\n".join(text)


def checks(answers: dict[str, Any]) -> str:
    """Return what the checks of the answers found."""
    rows = [
        ["Sentences whose cited passage supports them", percent(answers["citations_correct"])],
        ["Answers that cite a passage of the right section", percent(answers["cites_the_right_section"])],
        ["Questions without an answer in the documents: refused", percent(answers["refused_unanswerable"])],
    ]
    text = [
        f"Answers by {plain(answers['generator'])} to {answers['answerable']} questions that the documents answer and "
        f"{answers['unanswerable']} that they do not:",
        "",
        table(["Check", "Result"], rows),
    ]
    return "\n".join(text)


def sample(answers: Sequence[dict[str, Any]]) -> str:
    """Return the first question that was answered, its answer, and where it was found."""
    shown = next((each for each in answers if each["answerable"] and not each["refused"]), None)
    if shown is None:
        return "No question was answered."
    answer = shown["answer"]
    short = answer if len(answer) <= SHOWN else f"{answer[:SHOWN]} …"
    written = f"Written by {plain(shown['generator'])}. Found: {plain(shown['passages'][0])}."
    text = [f"**{plain(shown['question'])}**", "", f"> {plain(short)}", "", written]
    return "\n".join(text)


def errors(answers: dict[str, Any]) -> str:
    """Say where answers fail."""
    right = answers["cites_the_right_section"]
    lines = [
        f"Refused although the documents answer: {percent(answers['refused_answerable'])} of the questions",
        f"Cite no passage of the right section: {percent(None if right is None else 1 - right)} of the answers",
        f"Only quote, because nothing the model wrote was supported: {percent(answers['quoted'])} of the answers",
    ]
    return "\n".join([bullets(lines), "", picture("refusals.png", "How near the nearest passage is to questions")])
