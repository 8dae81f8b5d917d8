"""Metrics of questions and answers, for `GET /metrics`. `desk.py` notes them."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from .assistant import Answer

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Observer:
    """Counts answers by how they ended, and measures what they took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.answers = Counter("rag_answers", "Answers by how they came about", ["kind"], registry=registry)
        for kind in ("written", "quoted", "refused", "error", "disconnect"):  # shown as 0 before the first
            self.answers.labels(kind)
        self.seconds = {
            name: Histogram(f"rag_{name}_seconds", title, buckets=SECONDS, registry=registry)
            for name, title in {
                "retrieval": "From the question to its passages",
                "first_text": "From the question to the first sentence",
                "total": "From the question to the end of the answer",
            }.items()
        }
        self.tokens = Counter("rag_tokens", "Tokens of the language model", ["kind"], registry=registry)
        self.cost = Counter("rag_cost_usd", "What they cost by the prices in the settings", registry=registry)
        self.unavailable = Counter("rag_answers_with_note", "Answers that say what went wrong", registry=registry)
        self.active = Gauge("rag_active", "Questions being answered now", registry=registry)
        self.waiting = Gauge("rag_waiting", "Questions that wait for their turn", registry=registry)
        self.refused = Counter("rag_refused_requests", "Questions refused because too many wait", registry=registry)
        self.added = Counter("rag_documents_added", "Documents added while running", registry=registry)

    def answered(self, answer: Answer) -> None:
        """Note an answer."""
        kind = "refused" if answer.refused else "quoted" if answer.generator == "extractive" else "written"
        self.answers.labels(kind).inc()
        for name, histogram in self.seconds.items():
            if name in answer.seconds:
                histogram.observe(answer.seconds[name])
        self.tokens.labels("prompt").inc(answer.usage.prompt_tokens)
        self.tokens.labels("completion").inc(answer.usage.completion_tokens)
        self.cost.inc(answer.usage.cost_usd)
        if answer.note:
            self.unavailable.inc()
