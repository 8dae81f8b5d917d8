"""Judges answers: without a key by rules, and with one, optionally, by a language model. `evaluate.py` uses it."""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .answering import LEAST_SUPPORT, material, support
from .assistant import Answer
from .documents import Question
from .generators import Generator, Usage
from .model_folder import write_atomically
from .prompts import Prompt, passages_text

JUDGEMENTS = Path("data/judgements")
JUDGE_TOKENS = 200


def citations_hold(answer: Answer) -> list[bool]:
    """Tell for each sentence whether the passage that it cites was found for this question, and supports it.

    Support is measured anew from the text of the passage that a reader would open, not taken over from the answer.
    """
    return [
        0 <= each.passage < len(answer.passages)
        and support(each.text, material(answer.passages[each.passage])) >= LEAST_SUPPORT
        for each in answer.sentences
    ]


def summarised(questions: Sequence[Question], answers: Sequence[Answer]) -> dict[str, Any]:
    """Sum up answers to questions with and without an answer in the documents.

    Returns:
        `answerable` and `unanswerable` (how many), `refused_answerable` and `refused_unanswerable` (shares),
        `citations_correct` (share of the sentences), `cites_the_right_section` (share of the answers that cite a
        passage which is known to answer the question), `quoted` (share of answers that the model did not write),
        seconds, tokens and cost.
    """
    pairs = list(zip(questions, answers, strict=True))
    known = [answer for question, answer in pairs if question.document is not None]
    unknown = [answer for question, answer in pairs if question.document is None]
    given = [(question, answer) for question, answer in pairs if answer.sentences]
    holds = [each for _, answer in given for each in citations_hold(answer)]
    right = [
        any(question.is_answered_by(answer.passages[each.passage]) for each in answer.sentences)
        for question, answer in given
        if question.document is not None
    ]
    seconds = {
        name: quantiles([answer.seconds[name] for answer in answers if name in answer.seconds])
        for name in ("retrieval", "first_text", "total")
    }
    return {
        "answerable": len(known),
        "unanswerable": len(unknown),
        "refused_answerable": share([answer.refused for answer in known]),
        "refused_unanswerable": share([answer.refused for answer in unknown]),
        "sentences": len(holds),
        "citations_correct": share(holds),
        "cites_the_right_section": share(right),
        "quoted": share([answer.generator == "extractive" for _, answer in given]),
        "seconds": seconds,
        "tokens_per_answer": share([answer.usage.prompt_tokens + answer.usage.completion_tokens for answer in answers]),
        "cost_usd": sum(answer.usage.cost_usd for answer in answers),
    }


def share(values: Sequence[float]) -> float | None:
    """Return the mean, or None of nothing."""
    return float(np.mean(values)) if values else None


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return median and 95th percentile."""
    return {"p50": float(np.quantile(seconds, 0.5)), "p95": float(np.quantile(seconds, 0.95))} if seconds else {}


class Judge:
    """A language model that judges answers. What it said is kept: the same answer is not paid for twice."""

    def __init__(self, generator: Generator, folder: Path = JUDGEMENTS) -> None:
        self.generator, self.folder = generator, folder
        self.prompt = Prompt("judge")
        self.usage = Usage()

    def judge(self, answer: Answer) -> dict[str, Any] | None:
        """Return `faithful`, `relevant` and `reason`; None if the model does not answer as it was told to.

        Raises:
            GeneratorError: If the model does not answer at all.
        """
        message = self.prompt.fill(
            passages=passages_text(answer.passages), question=answer.question, answer=answer.text
        )
        asked = json.dumps([self.generator.name, message.prompt, message.system, message.user])
        path = self.folder / f"{hashlib.sha256(asked.encode()).hexdigest()[:32]}.json"
        if path.exists():
            said = str(json.loads(path.read_text(encoding="utf-8"))["said"])
        else:
            pieces: list[str] = []

            def take(piece: str) -> bool:
                pieces.append(piece)
                return False

            self.usage = self.usage + self.generator.write(message, JUDGE_TOKENS, take)
            said = "".join(pieces)
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps({"said": said}) + "\n")
        return judgement(said)


def judgement(said: str) -> dict[str, Any] | None:
    """Read what a judge said: one JSON object, whatever stands around it."""
    found = re.search(r"\{.*\}", said, re.DOTALL)
    try:
        read = json.loads(found[0]) if found else None
    except json.JSONDecodeError:
        return None
    if not isinstance(read, dict) or read.get("faithful") not in (0, 1) or read.get("relevant") not in (0, 1):
        return None
    return {"faithful": read["faithful"], "relevant": read["relevant"], "reason": str(read.get("reason", ""))}
