"""A metric for `GET /metrics` that takes the values of a whole request at once, as a call may hold thousands of them.

`prometheus_client`'s own histogram takes one value after the other, each behind two locks.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Histogram(Collector):
    """Counts values by bucket. May be called from several threads.

    Args:
        name, about: As `/metrics` shows them.
        buckets: The largest value of each bucket, ascending; one for all that are larger is added.
        registry: Where metrics are collected.
    """

    def __init__(self, name: str, about: str, buckets: Sequence[float], registry: CollectorRegistry) -> None:
        self.name, self.about = name, about
        self.edges = [*buckets, float("inf")]
        self._counts = [0] * len(self.edges)
        self._sum = 0.0
        self._lock = threading.Lock()
        registry.register(self)

    def observe(self, values: Iterable[float]) -> None:
        """Count some values."""
        with self._lock:
            for value in values:
                self._counts[bisect_left(self.edges, value)] += 1
                self._sum += value

    def collect(self) -> Iterator[Metric]:
        """Return what was counted so far, as `prometheus_client` asks for it."""
        with self._lock:
            counts, total = list(accumulate(self._counts)), self._sum
        metric = Metric(self.name, self.about, "histogram")
        for edge, count in zip(self.edges, counts, strict=True):
            name = floatToGoString(edge)  # type: ignore[no-untyped-call]
            metric.add_sample(f"{self.name}_bucket", {"le": name}, count)
        metric.add_sample(f"{self.name}_count", {}, counts[-1])
        if self.edges[0] >= 0:  # a sum that can fall would not be the counter that Prometheus takes it for
            metric.add_sample(f"{self.name}_sum", {}, total)
        yield metric
