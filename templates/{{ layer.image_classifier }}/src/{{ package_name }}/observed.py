"""Metrics of predictions, for `GET /metrics`: do they still look as they did? `api.py` calls it for each answer."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram


class Observer:
    """Counts classes, remarks and refused images, and collects probabilities."""

    def __init__(self, classes: list[str], registry: CollectorRegistry) -> None:
        self.classes = Counter("prediction_class", "Images by most probable class", ["label"], registry=registry)
        for name in classes:  # shown as 0 before the first
            self.classes.labels(name)
        self.probability = Histogram(
            "prediction_probability",
            "Probability of the most probable class",
            buckets=[tenth / 10 for tenth in range(1, 11)],
            registry=registry,
        )
        self.warnings = Counter("prediction_warnings", "Remarks on images unlike those of training", registry=registry)
        self.refused = Counter("prediction_refused_images", "Files that are no readable image", registry=registry)

    def observe(self, answer: dict[str, Any]) -> None:
        """Note the prediction for one image."""
        best = answer["predictions"][0]
        self.classes.labels(best["label"]).inc()
        self.probability.observe(best["probability"])
        self.warnings.inc(len(answer["warnings"]))
