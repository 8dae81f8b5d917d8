"""Pipeline stage `evaluate`: how good are search and answers, on questions that nothing was chosen by?

Reads models/candidate/, data/prepared/ and params.yaml (`evaluate`, `retrieve`); writes reports/metrics.json,
answers.json, questions.json and pictures, and traces of the answers to MLflow. Run by `dvc repro`.

Search is judged by words (BM25), by meaning (dense) and by both, side by side, and against counting common words. A few
questions are answered in full.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from tqdm import tqdm

from . import plots, ranking, tracking
from .assistant import Answer, Assistant
from .bm25 import best, words_of
from .bootstrap import Floats
from .config import CANDIDATE, REPORTS
from .documents import QUESTIONS, Question, read_rows
from .embedders import Remembering
from .generators import GeneratorError, open_generator
from .judging import Judge, summarised
from .knowledge_base import KnowledgeBase
from .model_folder import write_atomically
from .params import Params, load_params
from .ranking import DECISIVE, DEPTH, judge_all, relevant
from .retrieval import Retriever, positions_of
from .settings import Settings
from .tuning import choices_of

# The baseline that every index must beat: how many words of the question stand in the passage?
BASELINE = "common words"


def rankings_of(base: KnowledgeBase, questions: Sequence[Question], params: Params) -> dict[str, list[list[int]]]:
    """Rank the passages for each question: with the chosen search, and with each kind side by side."""
    tried = choices_of(params.retrieve)
    weight = f"hybrid {base.card.choice.dense_weight:g}"
    hybrid = tried.get(weight, list(tried.values())[-1])
    searches = {"model": base.card.choice, "bm25": tried["bm25"], "dense": tried["dense"], "hybrid": hybrid}
    retriever = Retriever(base.bm25, base.vectors, Remembering(base.embedder))
    ranked: dict[str, list[list[int]]] = {
        name: [list(positions_of(retriever.search(each.text, choice, DEPTH))) for each in questions]
        for name, choice in searches.items()
    }
    words = [set(words_of(chunk.searched)) for chunk in base.passages]
    ranked[BASELINE] = [by_common_words(each.text, words) for each in questions]
    return ranked


def by_common_words(question: str, words: Sequence[set[str]]) -> list[int]:
    """Rank passages by how many words of the question they hold; of equal ones the first."""
    wanted = set(words_of(question))
    scores = np.array([len(wanted & each) for each in words], dtype=np.float32)
    return [int(position) for position in best(scores, DEPTH)]


def judge_search(base: KnowledgeBase, questions: Sequence[Question], params: Params) -> dict[str, dict[str, Floats]]:
    """Judge each kind of search; returns its metrics for each question."""
    right = [relevant(question, base.passages) for question in questions]
    return {name: judge_all(ranked, right) for name, ranked in rankings_of(base, questions, params).items()}


def some(questions: Sequence[Question], count: int) -> list[Question]:
    """Return so many questions, spread evenly over all."""
    places = np.linspace(0, len(questions) - 1, min(count, len(questions))).round().astype(int)
    return [questions[place] for place in places]


def latency(base: KnowledgeBase, questions: Sequence[Question]) -> dict[str, float]:
    """Measure searches one after the other; milliseconds."""
    seconds = []
    for each in questions:
        started = time.perf_counter()
        base.search(each.text)
        seconds.append(time.perf_counter() - started)
    return {"p50_ms": 1000 * float(np.quantile(seconds, 0.5)), "p99_ms": 1000 * float(np.quantile(seconds, 0.99))}


def answered(assistant: Assistant, questions: Sequence[Question]) -> list[Answer]:
    """Answer questions in full."""
    return [assistant.ask(each.text) for each in tqdm(questions, desc="answer", unit="question", disable=None)]


def as_rows(questions: Sequence[Question], answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Return answers as they are kept for a reader."""
    return [
        {
            "question": question.text,
            "answerable": question.document is not None,
            "answer": answer.text,
            "refused": answer.refused,
            "generator": answer.generator,
            "note": answer.note,
            "passages": [f"{chunk.document}: {' > '.join(chunk.section)}" for chunk in answer.passages],
            "seconds": answer.seconds,
            "usage": asdict(answer.usage),
        }
        for question, answer in zip(questions, answers, strict=True)
    ]


def judged_by_model(assistant: Assistant, answers: Sequence[Answer]) -> dict[str, Any]:
    """Let the language model judge the answers; what it does not say clearly does not count."""
    if assistant.generator is None or assistant.generator.small:
        raise SystemExit("error: evaluate.judge needs a language model behind an API: set LLM (see .env.example)")
    judge = Judge(assistant.generator)
    try:
        said = [judge.judge(each) for each in tqdm(answers, desc="judge", disable=None) if not each.refused]
    except GeneratorError as error:
        raise SystemExit(f"error: the judge does not answer: {error}") from error
    clear = [each for each in said if each is not None]
    shares = (
        {name: float(np.mean([each[name] for each in clear])) for name in ("faithful", "relevant")} if clear else {}
    )
    return {"judge": assistant.generator.name, "judged": len(clear), "unclear": len(said) - len(clear), **shares}


def spans_of(mlflow: Any) -> Callable[..., Any]:
    """Return what traces the steps of an answer to MLflow."""

    def span(name: str, **attributes: Any) -> Any:
        kind = {"retrieve": "RETRIEVER", "generate": "LLM", "ask": "CHAIN"}.get(name, "UNKNOWN")
        return mlflow.start_span(name=name, span_type=kind, attributes=attributes)

    return span


def main() -> None:
    """Judge, draw, record."""
    params, settings = load_params(), Settings()
    try:
        base = KnowledgeBase.open(CANDIDATE, settings)
        generator = open_generator(settings)
    except (OSError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error
    questions = [each for each in read_rows(QUESTIONS, Question) if each.part == "test"]
    answerable = [each for each in questions if each.document is not None]
    unanswerable = [each for each in questions if each.document is None]
    if not answerable:
        raise SystemExit(
            f"error: no question with a known answer is in the test part: write some into {params.questions.file}, "
            "or name documents whose headings are questions in questions.headings_of"
        )
    samples, seed = params.evaluate.bootstrap_samples, params.evaluate.seed
    judged = judge_search(base, answerable, params)
    summary = {name: ranking.summarised(each, samples, seed) for name, each in judged.items()}
    asked = [*some(answerable, params.evaluate.answers), *some(unanswerable, params.evaluate.answers)]
    with tracking.run(base.card.origin["run_id"]) as mlflow:
        assistant = Assistant(base, generator, span=spans_of(mlflow))
        answers = answered(assistant, asked)
        metrics: dict[str, Any] = {
            "rows": len(answerable),
            "model": summary["model"],
            "baselines": {BASELINE: summary[BASELINE]},
            "search": {name: summary[name] for name in ("bm25", "dense", "hybrid")},
            "latency": latency(base, answerable),
            "answers": summarised(asked, answers) | {"generator": generator.name if generator else "extractive"},
        }
        if params.evaluate.judge:
            metrics["judged"] = judged_by_model(assistant, answers)
        mlflow.log_metrics({f"test_{name}": result["value"] for name, result in metrics["model"].items()})
        mlflow.log_metrics(
            {
                name: value
                for name in (
                    "refused_answerable",
                    "refused_unanswerable",
                    "citations_correct",
                    "cites_the_right_section",
                )
                if (value := metrics["answers"][name]) is not None
            }
        )
        REPORTS.mkdir(exist_ok=True)
        contents: dict[str, Any] = {
            "metrics": metrics,
            "answers": as_rows(asked, answers),
            "questions": {
                "questions": [each.text for each in answerable],
                DECISIVE: judged["model"][DECISIVE].tolist(),
            },
        }
        for name, content in contents.items():
            write_atomically(REPORTS / f"{name}.json", json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        plots.draw_search(summary, REPORTS / "search.png")
        plots.draw_refusals(base, questions, REPORTS / "refusals.png")
        mlflow.log_artifacts(str(REPORTS))
    found, answer = metrics["model"], metrics["answers"]
    print(f"{DECISIVE} {found[DECISIVE]['value']:.3f}, recall@5 {found['recall_at_5']['value']:.3f}", end="; ")
    print(f"{answer['sentences']} sentences, {answer['citations_correct'] or 0:.0%} of the citations correct")


if __name__ == "__main__":
    main()
