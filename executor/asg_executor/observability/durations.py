"""`DurationHistogram`: how long things took, for Prometheus, counted quickly."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

__all__ = ["DurationHistogram", "Durations"]


class Durations:
    """The durations of one kind. Used from the event loop alone.

    Args:
        bounds: the upper bounds of the buckets, in seconds, without the infinite one.
    """

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(self._bounds, seconds)] += 1
        self.total += seconds


class DurationHistogram(Collector):
    """A histogram with labels.

    That of `prometheus_client` is locked for each figure and looks through the buckets one by one; the five durations
    of an inference request took it a tenth of what the service itself adds to the computation.

    Args:
        name: its name.
        description: what it shows.
        labels: the names of its labels.
        bounds: the upper bounds of the buckets, in seconds, ascending, without the infinite one.
    """

    def __init__(self, name: str, description: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        self._name = name
        self._description = description
        self._labels = labels
        self._bounds = bounds
        self._kinds: dict[tuple[str, ...], Durations] = {}

    def of(self, *labels: str) -> Durations:
        """The durations with these values of the labels."""
        found = self._kinds.get(labels)
        if found is None:
            found = self._kinds[labels] = Durations(self._bounds)
        return found

    @override
    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(self._name, self._description, labels=self._labels)
        bounds = [*map(str, map(float, self._bounds)), "+Inf"]
        for labels, durations in list(self._kinds.items()):
            counts = accumulate(durations.counts)
            family.add_metric(labels, list(zip(bounds, counts, strict=True)), durations.total)
        yield family
