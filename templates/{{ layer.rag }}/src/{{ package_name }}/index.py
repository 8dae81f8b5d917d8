"""Pipeline stage `index`: build the knowledge base, and choose by the development questions how it is searched.

Reads data/prepared/, data/embeddings/ and params.yaml (`embed`, `index`, `retrieve`); writes models/candidate/ and
reports/index.json, and logs the knowledge base to MLflow. Run by `dvc repro`.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import prompts, tracking
from .config import CANDIDATE, REPORTS
from .documents import CHUNKS, QUESTIONS, Chunk, Question, read_rows
from .embed import EMBEDDINGS, embed_chunks
from .embedders import Remembering, open_embedder
from .knowledge_base import EXAMPLE, Card, build, index_words
from .model_folder import write_atomically
from .params import IndexSection, Params, load_params
from .retrieval import Retriever
from .settings import Settings
from .tuning import tune
from .vectors import HNSW, Exact

EXAMPLES = 4


def kind_of(params: IndexSection, passages: int) -> str:
    """Return how the vectors are searched: `exact` or `hnsw`."""
    if params.kind != "auto":
        return params.kind
    return "exact" if passages <= params.largest_exact else "hnsw"


def examples(questions: Sequence[Question]) -> list[str]:
    """Return some questions that the documents answer, as examples."""
    answerable = [each.text for each in questions if each.document is not None]
    return answerable[:: max(1, len(answerable) // EXAMPLES)][:EXAMPLES] or [EXAMPLE]


def log_knowledge_base(mlflow: Any, folder: Path) -> str:
    """Store the knowledge base in the run, as a model that answers questions; returns its address."""
    signature = mlflow.models.infer_signature([EXAMPLE], ["an answer"])
    logged = mlflow.pyfunc.log_model(
        name="model",
        python_model=str(Path(__file__).with_name("logged_model.py")),
        artifacts={"knowledge_base": str(folder)},
        signature=signature,
        pip_requirements=tracking.pinned(["numpy", "onnxruntime", "tokenizers", "usearch", "numkong"]),
    )
    return str(logged.model_uri)


def build_candidate(params: Params, settings: Settings, origin: dict[str, str]) -> tuple[Card, dict[str, Any]]:
    """Build the knowledge base from what the stages before have made.

    Raises:
        OSError: If the embedder or the vector database does not answer.
        ValueError: If there is no such embedder.
    """
    chunks, questions = read_rows(CHUNKS, Chunk), read_rows(QUESTIONS, Question)
    embedder = open_embedder(params.embed.model, settings)
    vectors, _ = embed_chunks(chunks, embedder, params.embed.batch_size, EMBEDDINGS)
    kind = kind_of(params.index, len(chunks))
    started = time.perf_counter()
    index = HNSW.of(vectors) if kind == "hnsw" else Exact(vectors)
    words = index_words(chunks)
    seconds = time.perf_counter() - started
    choice, report = tune(Retriever(words, index, Remembering(embedder)), chunks, questions, params.retrieve)
    card = build(
        CANDIDATE,
        chunks,
        vectors,
        words=words,
        index=index,
        database=settings.vector_database_url,
        card={
            "name": tracking.PROJECT,
            "origin": origin,
            "embedder": embedder.identity,
            "embed_model": params.embed.model,
            "choice": choice,
            "count": params.retrieve.count,
            "questions": examples(questions),
        },
    )
    return card, {"kind": kind, "seconds": seconds, "choice": choice.model_dump(), "development": report}


def main() -> None:
    """Build, log, report."""
    params, settings = load_params(), Settings()
    with tracking.run() as mlflow:
        mlflow.set_tags({"data_md5": tracking.data_hash(params.data.path), "git_commit": tracking.git_commit()})
        run_id = mlflow.active_run().info.run_id
        try:
            card, report = build_candidate(params, settings, {"run_id": run_id})
        except (OSError, ValueError) as error:
            raise SystemExit(f"error: {error}") from error
        card.origin = tracking.origin(run_id, log_knowledge_base(mlflow, CANDIDATE), params.data.path)
        write_atomically(CANDIDATE / "model.json", card.model_dump_json(indent=2) + "\n")
        mlflow.log_params({**params.chunk.model_dump(), **params.embed.model_dump(), **card.choice.model_dump()})
        prompts.log_to(mlflow)
    REPORTS.mkdir(exist_ok=True)
    write_atomically(REPORTS / "index.json", json.dumps(report, indent=2) + "\n")
    print(f"Knowledge base {card.version}: {card.passages} passages, searched by {card.choice.mode}, {card.kind}")


if __name__ == "__main__":
    main()
