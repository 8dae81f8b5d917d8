"""The results as Markdown, for README.md, MODEL_CARD.md and LEARN.md (see `report.py`).

Every figure comes from a file that the pipeline wrote.
"""

from collections.abc import Sequence
from typing import Any

from .project_file import Headline, against_baselines
from .ranking import DECISIVE, TITLES
from .wording import NOT_YET, figure, file_facts, origin_facts, plain, read, table

SEARCHES = {
    "common words": "Counting common words (baseline)",
    "bm25": "BM25",
    "dense": "Dense vectors",
    "hybrid": "Hybrid of both",
}
# Answers in the documents; reports/answers.json has all.
SHOWN = 2


def sections() -> dict[str, str]:
    """Return the Markdown of each marked section; a hint where the pipeline has not run."""
    try:
        metrics, quality, index = read("metrics.json"), read("data_quality.json"), read("index.json")
        promotion, answers, embedding = read("promotion.json"), read("answers.json"), read("embedding.json")
    except (OSError, ValueError):
        return dict.fromkeys(("results", "samples", "facts", "data"), NOT_YET)
    return {
        "results": results(metrics, quality, index, embedding),
        "samples": samples(answers),
        "facts": facts(quality, index, embedding, promotion),
        "data": data_facts(quality, embedding),
    }


def headline() -> Headline:
    """Return the results that stand for the project.

    Raises:
        OSError: Before the first run.
    """
    metrics, chosen = read("metrics.json"), read("index.json")["choice"]["mode"]
    if chosen != "bm25":  # what one would use without a model that embeds
        metrics["baselines"]["bm25"] = metrics["search"]["bm25"]
    results = [
        against_baselines(
            metrics, key, TITLES[key], SEARCHES, higher_is_better=True, rounding=lambda value: round(value, 3)
        )
        for key in (DECISIVE, "recall_at_5")
    ]
    return Headline(results=results, rows=read("data_quality.json")["documents"])


def percent(value: float | None) -> str:
    """Write a share."""
    return "-" if value is None else f"{value:.0%}"


def results(metrics: dict[str, Any], quality: dict[str, Any], index: dict[str, Any], embedding: dict[str, Any]) -> str:
    """Return the section with the search side by side, and the checks of the answers."""
    found = {**metrics["baselines"], **metrics["search"]}
    chosen = index["choice"]["mode"]
    rows = [
        [
            f"**{title} (chosen)**" if name == chosen else title,
            *(figure(found[name][metric]) for metric in TITLES),
        ]
        for name, title in SEARCHES.items()
    ]
    answers, development = metrics["answers"], index["development"]
    weight = f", dense weight {index['choice']['dense_weight']:g}" if chosen == "hybrid" else ""
    seconds = answers["seconds"]
    text = [
        f"{quality['documents']} documents, {embedding['passages']:,} passages. {metrics['rows']} test questions whose "
        f"answer is known; {development['questions']} others decided how passages are searched ({chosen}{weight}). In "
        "brackets the 95% bootstrap interval over questions.",
        "",
        table(["Search", *TITLES.values()], rows),
        "",
        "![Kinds of search side by side](reports/search.png)",
        "",
        f"Answers by {plain(answers['generator'])}, of {answers['answerable']} questions that the documents answer and "
        f"{answers['unanswerable']} that they do not:",
        "",
        table(
            ["Check", "Result"],
            [
                ["Sentences whose cited passage was found and supports them", percent(answers["citations_correct"])],
                ["Answers that cite a passage of the right section", percent(answers["cites_the_right_section"])],
                ["Questions without an answer in the documents: refused", percent(answers["refused_unanswerable"])],
                ["Questions with one: refused", percent(answers["refused_answerable"])],
                ["Answers that quote, because nothing the model wrote was supported", percent(answers["quoted"])],
                ["Median time until the passages are found", f"{1000 * seconds['retrieval']['p50']:.0f} ms"],
                ["Median time until the first sentence", f"{seconds['first_text']['p50']:.1f} s"],
                ["Median time until the end of the answer", f"{seconds['total']['p50']:.1f} s"],
                ["Cost, by the prices in the settings", f"${answers['cost_usd']:.4f}"],
            ],
        ),
        *judged(metrics),
        "",
        "![How near the nearest passage is to questions](reports/refusals.png)",
    ]
    return "\n".join(text)


def judged(metrics: dict[str, Any]) -> list[str]:
    """Return what a language model thought of the answers; nothing if none was asked."""
    found = metrics.get("judged")
    if not found or not found["judged"]:
        return []
    return [
        "",
        f"{plain(found['judge'])} judged {found['judged']} answers: {found['faithful']:.0%} are supported by their "
        f"passages, {found['relevant']:.0%} answer the question.",
    ]


def samples(answers: Sequence[dict[str, Any]]) -> str:
    """Return some answers: the first to questions that the documents answer, and one to a question that they do not."""
    shown = [each for each in answers if each["answerable"] and not each["refused"]][:SHOWN]
    shown += [each for each in answers if not each["answerable"]][:1]
    lines = []
    for each in shown:
        lines += [f"**{plain(each['question'])}**", "", f"> {plain(each['answer'])}", ""]
        if not each["refused"]:
            lines += [f"Written by {plain(each['generator'])}. Found: {plain('; '.join(each['passages'][:3]))}.", ""]
    return "\n".join(lines)


def facts(quality: dict[str, Any], index: dict[str, Any], embedding: dict[str, Any], promotion: dict[str, Any]) -> str:
    """Return the section of generated facts for the model card."""
    formats = ", ".join(f"{count} {name}" for name, count in quality["formats"].items())
    choice = index["choice"]
    lines = origin_facts(promotion) | {
        "Documents": f"{quality['documents']} ({formats}), {quality['words']:,} words; {len(quality['left_out'])} "
        "files left out (reports/data_quality.json says why)",
        "Passages": f"{embedding['passages']:,}; embedded by `{embedding['embedder']}`, searched {index['kind']}",
        "Search": f"{choice['mode']}, dense weight {choice['dense_weight']:g}; refused below a cosine of "
        f"{choice['least_cosine']:.3f}",
        "Development questions": f"{index['development']['questions']} with an answer, "
        f"{index['development']['unanswerable']} without",
    }
    return table(["", ""], lines.items())


def data_facts(quality: dict[str, Any], embedding: dict[str, Any]) -> str:
    """Return the section of generated facts for the data card."""
    lines = file_facts() | {
        "Documents": ", ".join(f"{count} {name}" for name, count in quality["formats"].items()),
        "Size": f"{quality['sections']:,} sections, {quality['words']:,} words, {embedding['passages']:,} passages",
        "Left out": f"{len(quality['left_out'])} files (reports/data_quality.json says why)",
    }
    return table(["", ""], lines.items())
