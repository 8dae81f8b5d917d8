"""Metrics of predictions, for `GET /metrics`: do they still look as they did? `api.py` calls it for each answer."""

from prometheus_client import CollectorRegistry

from .histogram import Histogram
from .predict import Predictor
from .table_service import Answered, warnings_counter


class Observer:
    """Collects the predicted values."""

    def __init__(self, predictor: Predictor, registry: CollectorRegistry) -> None:
        about = f"Predicted {predictor.card.target}"
        self.values = Histogram("prediction_value", about, bucket_edges(predictor), registry)
        self.warnings = warnings_counter(registry)

    def observe(self, answered: Answered) -> None:
        """Note the predictions of one request."""
        self.warnings.inc(answered.warnings)
        self.values.observe(answer["prediction"] for answer in answered.answers)


def bucket_edges(predictor: Predictor) -> tuple[float, ...]:
    """Choose histogram buckets: steps of the baseline's error around a typical prediction."""
    centre = predictor.predict([predictor.card.example])[0]["prediction"]
    median = predictor.card.metrics.get("baselines", {}).get("median", {})
    step = median.get("rmse", {}).get("value") or abs(centre) / 2 or 1.0
    return tuple(centre + step * factor for factor in (-2, -1, -0.5, -0.25, 0, 0.25, 0.5, 1, 2, 4))
