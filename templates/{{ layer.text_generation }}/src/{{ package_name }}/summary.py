"""The results as Markdown, for README.md, MODEL_CARD.md and LEARN.md (see `report.py`).

Every figure comes from a file that the pipeline wrote.
"""

from collections.abc import Sequence
from typing import Any

from .project_file import Headline, against_baselines
from .retention import QUESTIONS
from .wording import NOT_YET, figure, file_facts, origin_facts, plain, read, table

TITLES = {
    "model": "**The network**",
    "pretrained": "The pretrained network, before fine-tuning",
    "ngram": "4-gram model, Kneser-Ney (baseline)",
    "unigram": "Frequencies of tokens (baseline)",
}
# Samples in the documents; reports/samples.json has all.
SHOWN = 2
# Titles of so many documents with the most and the fewest bits.
EXTREMES = 2
# Characters of the longest copied passage that the documents show.
PASSAGE_SHOWN = 200


def sections() -> dict[str, str]:
    """Return the Markdown of each marked section; a hint where the pipeline has not run."""
    try:
        metrics, quality, training = read("metrics.json"), read("data_quality.json"), read("training.json")
        promotion, documents, samples = read("promotion.json"), read("documents.json"), read("samples.json")
    except (OSError, ValueError):
        return dict.fromkeys(("results", "samples", "facts", "data"), NOT_YET)
    return {
        "results": results(metrics, quality, training, documents),
        "samples": some_samples(samples, metrics["memory"]),
        "facts": facts(metrics, quality, training, promotion),
        "data": data_facts(quality),
    }


def headline() -> Headline:
    """Return the results that stand for the project.

    Raises:
        OSError: Before the first run.
    """
    result = against_baselines(
        read("metrics.json"),
        "bits_per_character",
        "Bits per character",
        TITLES,
        higher_is_better=False,
        rounding=lambda bits: round(bits, 3),
    )
    return Headline(results=[result], rows=read("data_quality.json")["split"]["train"]["documents"])


def results(
    metrics: dict[str, Any], quality: dict[str, Any], training: dict[str, Any], documents: dict[str, list[Any]]
) -> str:
    """Return the section with the result, its baselines, and the documents that are hardest and easiest."""
    models = {"model": metrics["model"], **metrics["baselines"]}
    rounds = training["rounds"]
    seconds = sum(each["epoch_seconds"] for each in rounds)
    ranked = [title for _, title in sorted(zip(documents["model"], documents["title"], strict=True))]
    text = [
        f"{len(documents['title'])} test documents ({sum(documents['characters']):,} characters, {metrics['rows']} "
        f"tokens) that no training step has seen. Trained on {quality['split']['train']['documents']} documents for "
        f"{len(rounds)} rounds of {training['round_tokens']:,} tokens, {seconds / 60:.1f} minutes in all. In brackets "
        "the 95% bootstrap interval over documents.",
        "",
        table(
            ["Model", "Bits per character", "Loss of a token, in nats"],
            (
                [TITLES[name], figure(each["bits_per_character"]), f"{each['token_loss']['value']:.3f}"]
                for name, each in models.items()
            ),
        ),
        "",
        f"Easiest for the network: {plain(', '.join(ranked[:EXTREMES]))}. Hardest: "
        f"{plain(', '.join(ranked[: -EXTREMES - 1 : -1]))}.",
        *retention(metrics),
        "",
        "![Bits per character of each document](reports/documents.png)",
        "",
        "![Loss by place in the window: how much context helps](reports/position.png)",
        "",
        "![Losses, bits per character and learning rate by round](reports/training.png)",
    ]
    return "\n".join(text)


def retention(metrics: dict[str, Any]) -> list[str]:
    """Return what fine-tuning did to general knowledge; nothing for a network from scratch."""
    if "retention" not in metrics:
        return []
    asked = metrics["retention"]
    return [
        "",
        f"An unrelated task: of {len(QUESTIONS)} questions of general knowledge (`retention.py`) the network answered "
        f"{asked['before']:.0%} rightly before fine-tuning, and {asked['after']:.0%} after it.",
    ]


def some_samples(samples: Sequence[dict[str, Any]], memory: dict[str, Any]) -> str:
    """Return some continuations side by side, and what of them is copied."""
    text = []
    for sample in samples[:SHOWN]:
        writers = {"The network": "model", "Before fine-tuning": "pretrained", "What stands there": "people"}
        text += [
            f"**{plain(sample['title'])}**: … {plain(sample['prompt'])}",
            "",
            table(
                ["Who", "How it goes on"],
                ([who, plain(sample[key])] for who, key in writers.items() if sample[key] is not None),
            ),
            "",
        ]
    longest = memory["longest"]
    most = {name: max(memory[name]["characters"]) for name in ("model", "people")}
    passage = plain(longest["passage"][:PASSAGE_SHOWN])
    text += [
        f"Is it copied? The longest passage that the network wrote in {len(samples)} samples and that stands word for "
        f"word in the training texts has {most['model']} characters; in what people wrote at the same places it is "
        f"{most['people']}. Of its passages of eight words {memory['model']['share']:.1%} are in the training texts, "
        f"of theirs {memory['people']['share']:.1%}. The longest one: “{passage}” ({plain(longest['title'])}).",
        "",
        "![Longest copied passage of each sample](reports/memory.png)",
    ]
    return "\n".join(text)


def facts(metrics: dict[str, Any], quality: dict[str, Any], training: dict[str, Any], promotion: dict[str, Any]) -> str:
    """Return the section of generated facts for the model card."""
    export, shared = metrics["export"], quality["longest_passage_of_test_in_training"]
    split = ", ".join(f"{part['documents']} {name}" for name, part in quality["split"].items())
    lines = origin_facts(promotion) | {
        "Network": f"{training['weights']:,} weights, {training['trained_weights']:,} of them trained; best after "
        f"round {training['best_round']} of {len(training['rounds'])}",
        "Tokenizer": f"byte-level BPE of {quality['vocabulary']:,} tokens, "
        f"{quality['split']['train']['characters_per_token']} characters a token",
        "Documents": f"{quality['documents']} ({split}); {plain(quality['division'])}",
        "Copies": f"{len(quality['copies_dropped'])} dropped; {len(quality['related_documents'])} groups of documents "
        "that share long passages stay in one part",
        "Longest passage of the test in training": f"{shared['characters']} characters, in "
        f"{plain(shared['test_title'])}",
        "Export": f"logits from ONNX and PyTorch differ by at most {export['largest_difference']:.1e} "
        f"(allowed {export['tolerance']:g})",
    }
    return table(["", ""], lines.items())


def data_facts(quality: dict[str, Any]) -> str:
    """Return the section of generated facts for the data card."""
    shared = quality["longest_passage_of_test_in_training"]
    lines = file_facts() | {
        "Documents": f"{quality['documents']:,}; {plain(quality['division'])}",
        "Characters": f"{quality['characters']:,}",
        "Copies": f"{len(quality['copies_dropped'])} dropped",
        "Documents that share long passages": f"{sum(len(group) for group in quality['related_documents'])}, in "
        f"{len(quality['related_documents'])} groups",
        "Longest passage of the test in training": f"{shared['characters']} characters",
    }
    return table(["", ""], lines.items())
