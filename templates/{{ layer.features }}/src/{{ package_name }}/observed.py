"""Metrics of predictions, for `GET /metrics`: do they still look as they did? `api.py` calls it for each answer."""

from collections import Counter as Tally

from prometheus_client import CollectorRegistry, Counter

from .histogram import Histogram
from .predict import Predictor
from .table_service import Answered, warnings_counter


class Observer:
    """Counts decisions and collects probabilities."""

    def __init__(self, predictor: Predictor, registry: CollectorRegistry) -> None:
        self.decisions = Counter(
            "prediction_decisions", f"Decisions about {predictor.card.target}", ["decision"], registry=registry
        )
        for name in predictor.card.policy.classes:  # shown as 0 before the first
            self.decisions.labels(name)
        self.probabilities = Histogram(
            "prediction_probability",
            "Probability of the positive class, or of the class decided for",
            [tenth / 10 for tenth in range(1, 11)],
            registry,
        )
        self.warnings = warnings_counter(registry)

    def observe(self, answered: Answered) -> None:
        """Note the predictions of one request."""
        self.warnings.inc(answered.warnings)
        for name, times in Tally(answer["decision"] for answer in answered.answers).items():
            self.decisions.labels(name).inc(times)
        self.probabilities.observe(answer["probability"] for answer in answered.answers)
