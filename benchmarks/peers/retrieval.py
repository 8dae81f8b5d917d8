"""How well and how fast do others find passages? In the project's folder, with the project's embedder.

    python retrieval.py PACKAGE FOLDER SIZE [SIZE ...]

The environment holds the project and its peers. It prints what was measured as JSON.
"""

import importlib
import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Span = tuple[str, int, int]  # name of the document, begin, end

QUERIES, WARM_UP, BEST, OPENINGS = 200, 10, 10, 5
SLOWEST_BUILD = 20_000  # an embedded Qdrant takes minutes for more
NOISE = 0.6  # length of the noise against that of a vector
PACKAGE = sys.argv[1]


def module(name: str) -> Any:
    """Import a module of the project."""
    return importlib.import_module(f"{PACKAGE}.{name}")


# ---------------------------------------------------------------- how well


def blanked(document: Any, hidden: bool) -> str:
    """Return a document's text with its questioning headings blanked out, every other character in its place."""
    text = document.text
    if not hidden:
        return str(text)
    for section in document.sections:
        for heading in section.path:
            if heading.endswith("?"):
                begin = text.rfind(heading, 0, section.start)
                if begin >= 0:
                    text = text[:begin] + " " * len(heading) + text[begin + len(heading) :]
    return str(text)


def is_right(passage: Span, answer: Span) -> bool:
    """Tell whether a passage and the answering section overlap by half of the shorter one at least."""
    if passage[0] != answer[0]:
        return False
    shared = min(passage[2], answer[2]) - max(passage[1], answer[1])
    return shared * 2 >= min(passage[2] - passage[1], answer[2] - answer[1])


def judged(rankings: Iterable[Sequence[Span]], answers: Sequence[Span]) -> dict[str, float]:
    """Return recall@5 and MRR@10."""
    recalls, ranks = [], []
    for ranked, answer in zip(rankings, answers, strict=True):
        right = [is_right(each, answer) for each in ranked[:BEST]]
        recalls.append(any(right[:5]))
        ranks.append(1 / (right.index(True) + 1) if True in right else 0.0)
    return {"recall_at_5": float(np.mean(recalls)), "mrr_at_10": float(np.mean(ranks))}


def length(rankings: Iterable[Sequence[Span]], texts: dict[str, str]) -> float:
    """Return how many words the first five passages have, on average."""
    return float(np.mean([sum(len(texts[n][a:b].split()) for n, a, b in ranked[:5]) for ranked in rankings]))


def quality(embedder: Any) -> tuple[dict[str, Any], int]:
    """Search for the test questions with each pipeline."""
    kinds, load = module("documents"), module("load")
    params = module("params").load_params()
    documents = kinds.read_rows(kinds.DOCUMENTS, kinds.Document)
    questions = [
        each
        for each in kinds.read_rows(kinds.QUESTIONS, kinds.Question)
        if each.part == "test" and each.document is not None
    ]
    by_name = {document.name: document for document in documents}
    answers: list[Span] = []
    for question in questions:
        sections = [
            s for s in by_name[question.document].sections if s.path[: len(question.section)] == question.section
        ]
        answers.append((question.document, sections[0].start, sections[-1].end))
    texts = {each.name: blanked(each, load.is_included(each.name, params.questions.headings_of)) for each in documents}
    asked = [question.text for question in questions]
    found: dict[str, Any] = {}
    for name, search in {
        "this template": ours, "LangChain": langchain, "LlamaIndex": llama_index,
    }.items():  # fmt: skip
        rankings, passages = search(texts, asked, embedder)
        found[name] = judged(rankings, answers) | {"passages": passages, "words": length(rankings, texts)}
    return found, len(questions)


def ours(texts: dict[str, str], asked: Sequence[str], embedder: Any) -> tuple[list[list[Span]], int]:
    """The knowledge base in service."""
    del texts
    base = module("knowledge_base").KnowledgeBase.open(Path("models/champion"), embedder=embedder)
    rankings = []
    for question in asked:
        chunks = [base.passages[hit.position] for hit in base.search(question, count=BEST).hits]
        rankings.append([(chunk.document, chunk.start, chunk.end) for chunk in chunks])
    return rankings, len(base.passages)


def langchain(texts: dict[str, str], asked: Sequence[str], embedder: Any) -> tuple[list[list[Span]], int]:
    """LangChain as its tutorial has it: 1000 characters with 200 of overlap, and the vector store in memory."""
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_core.vectorstores import InMemoryVectorStore
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    class Same(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [each.tolist() for each in embedder.embed(texts)]

        def embed_query(self, text: str) -> list[float]:
            return self.embed_documents([text])[0]

    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200, add_start_index=True)
    documents = [Document(page_content=text, metadata={"name": name}) for name, text in texts.items()]
    parts = splitter.split_documents(documents)
    store = InMemoryVectorStore(Same())
    store.add_documents(parts)

    def span(each: Document) -> Span:
        begin = each.metadata["start_index"]
        return each.metadata["name"], begin, begin + len(each.page_content)

    return [[span(each) for each in store.similarity_search(question, k=BEST)] for question in asked], len(parts)


def llama_index(texts: dict[str, str], asked: Sequence[str], embedder: Any) -> tuple[list[list[Span]], int]:
    """LlamaIndex with its defaults: sentences up to 1024 tokens with 200 of overlap, and the index in memory."""
    from llama_index.core import Document, VectorStoreIndex
    from llama_index.core.embeddings import BaseEmbedding
    from llama_index.core.node_parser import SentenceSplitter
    from tokenizers import Tokenizer

    class Same(BaseEmbedding):
        def _get_text_embedding(self, text: str) -> list[float]:
            return list(embedder.embed([text])[0].tolist())

        def _get_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embedding(query)

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

    documents = [Document(text=text, metadata={"name": name}) for name, text in texts.items()]
    # The default tokenizer is fetched from the network; the embedder's own stands in for it, without its limit.
    tokenizer = Tokenizer.from_str(embedder.tokenizer.to_str())
    tokenizer.no_truncation()
    splitter = SentenceSplitter(tokenizer=lambda text: tokenizer.encode(text, add_special_tokens=False).ids)
    nodes = splitter.get_nodes_from_documents(documents)
    retriever = VectorStoreIndex(nodes, embed_model=Same()).as_retriever(similarity_top_k=BEST)

    def span(each: Any) -> Span:
        return each.node.metadata["name"], each.node.start_char_idx, each.node.end_char_idx

    return [[span(each) for each in retriever.retrieve(question)] for question in asked], len(nodes)


# ---------------------------------------------------------------- how fast


def timed(search: Callable[[Any], Any], queries: Sequence[Any]) -> tuple[dict[str, float], list[Any]]:
    """Search for each query; returns milliseconds and what was found."""
    for query in queries[:WARM_UP]:
        search(query)
    seconds, found = [], []
    for query in queries:
        started = time.perf_counter()
        result = search(query)
        seconds.append(time.perf_counter() - started)
        found.append(result)
    ms = 1000 * np.array(seconds)
    quantiles = {"p50_ms": float(np.quantile(ms, 0.5)), "p99_ms": float(np.quantile(ms, 0.99))}
    return quantiles | {"mean_ms": float(ms.mean())}, found


def more(vectors: Vectors, size: int) -> Vectors:
    """Return so many vectors that lie as the real ones do: each is a real one with noise."""
    chance = np.random.default_rng(0)
    chosen = vectors[chance.integers(0, len(vectors), size)]
    noise = chance.normal(size=chosen.shape).astype(np.float32) * (NOISE / np.sqrt(chosen.shape[1]))
    noisy = chosen + noise
    found: Vectors = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
    return found


class NumPy:
    """Brute force as everybody writes it."""

    def build(self, vectors: Vectors, folder: Path) -> None:
        """Write the vectors."""
        np.save(folder / "vectors.npy", vectors)

    def open(self, folder: Path) -> None:
        """Open what was written."""
        self.vectors = np.load(folder / "vectors.npy")

    def search(self, query: Vectors) -> list[int]:
        """Return the nearest."""
        scores = self.vectors @ query
        some = np.argpartition(-scores, BEST)[:BEST]
        return [int(each) for each in some[np.argsort(-scores[some])]]

    def close(self) -> None:
        """Let go of the vectors."""
        del self.vectors


class Ours:
    """The index of the project: exact or HNSW."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def build(self, vectors: Vectors, folder: Path) -> None:
        """Write the vectors."""
        if self.kind == "hnsw":
            module("vectors").HNSW.of(vectors).save(folder / "graph.usearch")
        else:
            rounded = module("vectors").Rounded.of(vectors)
            np.save(folder / "vectors.npy", vectors)
            np.save(folder / "rounded.npy", rounded.steps)
            (folder / "rounding.json").write_text(json.dumps([rounded.step, rounded.farthest]), encoding="utf-8")

    def open(self, folder: Path) -> None:
        """Open what was written."""
        kinds = module("vectors")
        if self.kind == "hnsw":
            self.index = kinds.HNSW.load(folder / "graph.usearch")
        else:
            rounding = json.loads((folder / "rounding.json").read_bytes())
            self.index = kinds.Exact.load(
                folder / "vectors.npy", kinds.Rounded(kinds.mapped(folder / "rounded.npy"), *rounding)
            )

    def search(self, query: Vectors) -> list[int]:
        """Return the nearest."""
        return [int(each) for each in self.index.search(query, BEST)[0]]

    def close(self) -> None:
        """Let go of the files."""
        del self.index


class Chroma:
    """Chroma's persistent client with inner products."""

    def build(self, vectors: Vectors, folder: Path) -> None:
        """Write the vectors."""
        import chromadb

        client = chromadb.PersistentClient(str(folder))
        store = client.create_collection("passages", metadata={"hnsw:space": "ip"}, embedding_function=None)
        for begin in range(0, len(vectors), 5000):
            part = vectors[begin : begin + 5000]
            store.add(ids=[str(begin + place) for place in range(len(part))], embeddings=part)
        client.close()

    def open(self, folder: Path) -> None:
        """Open what was written."""
        import chromadb

        self.client = chromadb.PersistentClient(str(folder))
        self.store = self.client.get_collection("passages", embedding_function=None)

    def search(self, query: Vectors) -> list[int]:
        """Return the nearest."""
        return [int(each) for each in self.store.query(query_embeddings=[query], n_results=BEST)["ids"][0]]

    def close(self) -> None:
        """Close; who opens the folder again would otherwise be given the same client."""
        self.client.close()


class Qdrant:
    """Qdrant's local mode."""

    def build(self, vectors: Vectors, folder: Path) -> None:
        """Write the vectors."""
        from qdrant_client import QdrantClient
        from qdrant_client.models import Distance, VectorParams

        client = QdrantClient(path=str(folder))
        client.create_collection("passages", vectors_config=VectorParams(size=384, distance=Distance.DOT))
        client.upload_collection("passages", vectors=vectors, ids=range(len(vectors)))
        client.close()

    def open(self, folder: Path) -> None:
        """Open what was written."""
        from qdrant_client import QdrantClient

        self.client = QdrantClient(path=str(folder))

    def search(self, query: Vectors) -> list[int]:
        """Return the nearest."""
        found = self.client.query_points("passages", query=query.tolist(), limit=BEST, with_payload=False)
        return [int(each.id) for each in found.points]

    def close(self) -> None:
        """Close: the folder can be open once."""
        self.client.close()


class LanceDB:
    """LanceDB without an index, as it begins."""

    def build(self, vectors: Vectors, folder: Path) -> None:
        """Write the vectors."""
        import lancedb

        rows = [{"id": place, "vector": vector} for place, vector in enumerate(vectors)]
        lancedb.connect(str(folder)).create_table("passages", rows)

    def open(self, folder: Path) -> None:
        """Open what was written."""
        import lancedb

        self.table = lancedb.connect(str(folder)).open_table("passages")

    def search(self, query: Vectors) -> list[int]:
        """Return the nearest."""
        found = self.table.search(query).distance_type("dot").limit(BEST).select(["id", "_distance"]).to_list()
        return [int(each["id"]) for each in found]

    def close(self) -> None:
        """Let go of the table."""
        del self.table


def stores_for(size: int) -> dict[str, Any]:
    """Return what is measured at a size."""
    params = module("params").load_params()
    kind = module("index").kind_of(params.index, size)
    stores: dict[str, Any] = {
        "this template": Ours(kind), "this template, exact": Ours("exact"), "this template, HNSW": Ours("hnsw"),
        "numpy": NumPy(), "Chroma": Chroma(), "LanceDB, embedded": LanceDB(),
    }  # fmt: skip
    if size <= SLOWEST_BUILD:
        stores["Qdrant, embedded"] = Qdrant()
    return stores


def vector_speed(vectors: Vectors, queries: Vectors, folder: Path) -> dict[str, Any]:
    """Build, open and search each store."""
    truth = [set(np.argsort(-(vectors @ query), kind="stable")[:BEST].tolist()) for query in queries]
    found = {}
    for name, store in stores_for(len(vectors)).items():
        place = folder / f"{name.replace(' ', '-').replace(',', '')}-{len(vectors)}"
        place.mkdir(parents=True)
        started = time.perf_counter()
        store.build(vectors, place)
        built = time.perf_counter() - started
        opened, first = [], []
        for _ in range(OPENINGS):
            started = time.perf_counter()
            store.open(place)
            opened.append(time.perf_counter() - started)
            store.search(queries[0])  # some stores open, or prepare, what they need for the first search only then
            first.append(time.perf_counter() - started)
            store.close()
        store.open(place)
        times, results = timed(store.search, list(queries))
        right = [len(set(result) & wanted) / BEST for result, wanted in zip(results, truth, strict=True)]
        store.close()
        seconds = {"build_s": built, "open_s": float(np.median(opened)), "first_s": float(np.median(first))}
        found[name] = times | {"recall": float(np.mean(right))} | seconds
        print(f"{name}, {len(vectors)}: {found[name]}", file=sys.stderr, flush=True)
    return found


def mixed(texts: Sequence[str], size: int) -> list[str]:
    """Return so many passages: the real ones, then their sentences mixed anew."""
    chance = random.Random(0)  # noqa: S311
    sentences = [each for text in texts for each in text.split(". ") if each.strip()]
    made = list(texts[:size])
    while len(made) < size:
        made.append(". ".join(chance.choices(sentences, k=6)))
    return made


def word_speed(texts: Sequence[str], queries: Sequence[str]) -> dict[str, Any]:
    """Search words with three implementations of BM25, on the same words of the same passages."""
    import bm25s
    from rank_bm25 import BM25Okapi

    kinds = module("bm25")
    passages = [kinds.words_of(text) for text in texts]
    asked = [kinds.words_of(query) for query in queries]
    index, rank = kinds.BM25.of(passages), BM25Okapi(passages)
    other = bm25s.BM25(k1=1.5, b=0.75, method="robertson")
    other.index(passages, show_progress=False)

    def slow(words: list[str]) -> list[int]:
        return [int(each) for each in np.argsort(-rank.get_scores(words), kind="stable")[:BEST]]

    def scores_of(found: Sequence[int], words: list[str]) -> list[float]:
        scores = rank.get_scores(words)
        # Where fewer than 10 passages hold a word of the query, what fills the list up does not count.
        return [round(float(scores[each]), 3) for each in found if scores[each] > 0]

    few = asked[: min(len(asked), 50)]  # rank_bm25 takes a second for each at 100,000
    times, wanted = timed(slow, few)
    found = {"rank_bm25": times}
    for name, search in {
        "this template": lambda words: index.search(words, BEST)[0].tolist(),
        "bm25s": lambda words: other.retrieve([words], k=BEST, show_progress=False).documents[0].tolist(),
    }.items():
        times, results = timed(search, few)
        # Passages of equal score may stand in any order: the scores are compared.
        same = [
            scores_of(one, words) == scores_of(two, words) for one, two, words in zip(results, wanted, few, strict=True)
        ]
        found[name] = times | {"same_top_10": float(np.mean(same))}
    return found


def first_token(questions: Sequence[str], base: Any) -> dict[str, float]:
    """Measure the time from a question to the first token of the local model."""
    settings = module("settings").Settings(_env_file=None)
    generator = module("generators").open_generator(settings)
    prompts, assistant = module("prompts"), module("assistant")
    seconds = []
    for question in questions:
        started = time.perf_counter()
        chunks = [base.passages[hit.position] for hit in base.search(question).hits][: assistant.SMALL_PASSAGES]
        filled = prompts.Prompt("answer_small").fill(passages=prompts.plain_passages(chunks), question=question)
        first: list[float] = []

        def take(piece: str, first: list[float] = first) -> bool:
            first.append(time.perf_counter())
            return bool(piece)

        generator.write(filled, 8, take)
        seconds.append(first[0] - started)
    return {"p50_s": float(np.quantile(seconds, 0.5)), "p95_s": float(np.quantile(seconds, 0.95))}


def main() -> None:
    """Measure."""
    folder, sizes = Path(sys.argv[2]), [int(each) for each in sys.argv[3:]]
    embedder = module("embedders").MiniLM(threads=1)
    found: dict[str, Any] = {}
    found["quality"], found["questions"] = quality(embedder)
    base = module("knowledge_base").KnowledgeBase.open(Path("models/champion"), embedder=embedder)
    kinds = module("documents")
    asked = [each.text for each in kinds.read_rows(kinds.QUESTIONS, kinds.Question) if each.document is not None]
    found["first_token"] = first_token(asked[:15], base)
    vectors = np.load(next(Path("models/champion").glob("vectors-*.npy")))
    texts = [chunk.searched for chunk in base.passages]
    queries = embedder.embed((asked * QUERIES)[:QUERIES])
    found["vectors"] = {str(size): vector_speed(more(vectors, size), queries, folder) for size in sizes}
    found["bm25"] = {str(size): word_speed(mixed(texts, size), asked) for size in sizes}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
