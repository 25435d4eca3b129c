"""`CountOf`: how often things happened, or how much of something there was, for Prometheus, counted quickly."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

__all__ = ["Count", "CountOf"]


class Count:
    """The count of one kind. Used from the event loop alone."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0


class CountOf(Collector):
    """A counter with labels. That of `prometheus_client` is locked, and calls four functions, for each figure.

    Args:
        name: its name, without `_total`.
        description: what it counts.
        labels: the names of its labels.
    """

    def __init__(self, name: str, description: str, labels: Sequence[str] = ()) -> None:
        self._name = name
        self._description = description
        self._labels = labels
        self._kinds: dict[tuple[str, ...], Count] = {}

    def of(self, *labels: str) -> Count:
        """The count with these values of the labels."""
        found = self._kinds.get(labels)
        if found is None:
            found = self._kinds[labels] = Count()
        return found

    @override
    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(self._name, self._description, labels=self._labels)
        for labels, count in list(self._kinds.items()):
            family.add_metric(labels, count.total)
        yield family
