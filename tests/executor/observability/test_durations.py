"""Durations are shown as Prometheus's own library shows them."""

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.samples import Sample

from asg_executor.observability.durations import DurationHistogram

BOUNDS = (0.001, 0.25, 1, 60)
SECONDS = (0.0, 0.001, 0.0011, 0.25, 0.5, 1.0, 59.0, 60.0, 61.0, 1e6)


def samples(registry: CollectorRegistry) -> list[Sample]:
    return [
        sample
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")  # when the process began to count
    ]


def test_they_are_counted_as_the_librarys_histogram_counts_them() -> None:
    own, library = CollectorRegistry(), CollectorRegistry()
    quick = DurationHistogram("took_seconds", "How long.", ["kind"], BOUNDS)
    own.register(quick)
    slow = Histogram("took_seconds", "How long.", ["kind"], buckets=BOUNDS, registry=library)
    for kind, seconds in (("a", SECONDS), ("b", SECONDS[:3])):
        for duration in seconds:
            quick.of(kind).observe(duration)
            slow.labels(kind).observe(duration)

    def shown(registry: CollectorRegistry) -> list[str]:
        return sorted(f"{item.name} {item.labels} {item.value:g}" for item in samples(registry))

    assert shown(own) == shown(library)
