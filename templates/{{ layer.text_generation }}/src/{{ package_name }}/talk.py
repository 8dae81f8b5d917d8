"""The results as Markdown that fits on slides, for slides.md (see `report.py`).

Every figure comes from a file that the pipeline wrote.
"""

from collections.abc import Sequence
from typing import Any

from .deck import bullets, deployment, picture
from .summary import EXTREMES, TITLES
from .wording import NOT_YET, figure, plain, read, table

SLIDES = ("slide-data", "slide-result", "slide-picture", "slide-sample", "slide-errors", "slide-deployment")
# Characters of a text that fit on a slide beside others.
SHOWN = 260


def slides() -> dict[str, str]:
    """Return the Markdown of each marked part of the talk; a hint where the pipeline has not run."""
    try:
        metrics, quality, training = read("metrics.json"), read("data_quality.json"), read("training.json")
        promotion, documents, samples = read("promotion.json"), read("documents.json"), read("samples.json")
    except (OSError, ValueError):
        return dict.fromkeys(SLIDES, NOT_YET)
    return {
        "slide-data": data(quality, training),
        "slide-result": result(metrics, documents),
        "slide-picture": picture("documents.png", "Bits per character of each document"),
        "slide-sample": sample(samples[0]),
        "slide-errors": errors(metrics, documents, samples),
        "slide-deployment": deployment(promotion),
    }


def start_of(text: str) -> str:
    """Return the beginning of a text, as long as fits on a slide."""
    return plain(text) if len(text) <= SHOWN else f"{plain(text[:SHOWN])} …"


def data(quality: dict[str, Any], training: dict[str, Any]) -> str:
    """Say how much text there is, and how large the network is."""
    split = ", ".join(f"{part['documents']} {name}" for name, part in quality["split"].items())
    lines = [
        f"{quality['documents']} documents: {split}; {len(quality['copies_dropped'])} copies dropped",
        f"A vocabulary of {quality['vocabulary']:,} tokens",
        f"A network of {training['weights']:,} weights, {training['trained_weights']:,} of them trained",
    ]
    return bullets(lines)


def result(metrics: dict[str, Any], documents: dict[str, list[Any]]) -> str:
    """Return the result beside its baselines."""
    models = {"model": metrics["model"], **metrics["baselines"]}
    text = [
        f"{len(documents['title'])} test documents with {metrics['rows']:,} tokens; with the 95% bootstrap interval "
        "over documents:",
        "",
        table(
            ["Model", "Bits per character"],
            ([TITLES[name], figure(each["bits_per_character"])] for name, each in models.items()),
        ),
    ]
    if "retention" in metrics:
        before, after = metrics["retention"]["before"], metrics["retention"]["after"]
        text += ["", f"Questions of general knowledge answered rightly: {before:.0%} before, {after:.0%} after."]
    return "\n".join(text)


def sample(shown: dict[str, Any]) -> str:
    """Return one continuation beside what people wrote there."""
    writers = {"The network": "model", "What stands there": "people"}
    text = [
        f"**{plain(shown['title'])}**: … {plain(shown['prompt'][-SHOWN:])}",
        "",
        table(["Who", "How it goes on"], ([who, start_of(shown[key])] for who, key in writers.items())),
    ]
    return "\n".join(text)


def errors(metrics: dict[str, Any], documents: dict[str, list[Any]], samples: Sequence[dict[str, Any]]) -> str:
    """Return which documents are hardest, and what of the samples is copied."""
    ranked = [title for _, title in sorted(zip(documents["model"], documents["title"], strict=True))]
    memory = metrics["memory"]
    longest = {name: max(memory[name]["characters"]) for name in ("model", "people")}
    lines = [
        f"Hardest: {plain('; '.join(ranked[: -EXTREMES - 1 : -1]))}",
        f"Easiest: {plain('; '.join(ranked[:EXTREMES]))}",
        f"Longest passage copied from the training texts in {len(samples)} samples: {longest['model']} characters; in "
        f"what people wrote there {longest['people']}",
    ]
    return bullets(lines)
