"""Counts are shown as Prometheus's own library shows them."""

from prometheus_client import CollectorRegistry, Counter, generate_latest

from asg_executor.observability.counts import CountOf


def shown(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


def test_they_are_shown_as_the_librarys_are() -> None:
    own, library = CollectorRegistry(), CollectorRegistry()
    quick, plain = CountOf("done", "What was done.", ["kind"]), CountOf("bytes", "Bytes.")
    own.register(quick)
    own.register(plain)
    slow = Counter("done", "What was done.", ["kind"], registry=library)
    slow_plain = Counter("bytes", "Bytes.", registry=library)
    for kind, number in (("a", 3), ("b", 1), ("a", 2**40)):
        quick.of(kind).total += number
        slow.labels(kind).inc(number)
        plain.of().total += number
        slow_plain.inc(number)
    assert shown(own) == shown(library)


def test_what_nothing_was_counted_of_is_shown_as_the_library_shows_it() -> None:
    own, library = CollectorRegistry(), CollectorRegistry()
    plain = CountOf("bytes", "Bytes.")
    plain.of()
    own.register(plain)
    own.register(CountOf("done", "What was done.", ["kind"]))
    Counter("bytes", "Bytes.", registry=library)
    Counter("done", "What was done.", ["kind"], registry=library)
    assert shown(own) == shown(library)
