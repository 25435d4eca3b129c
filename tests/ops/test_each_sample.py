"""Samples that are one test: each of them is tried, and each that fails is named."""

import pytest

from op_samples import ALL_SAMPLES
from op_samples.each_sample import Test, for_each_sample
from op_samples.sample import Sample

SUMS = [sample for sample in ALL_SAMPLES if sample.op.name == "sum"]


def groups_of(decorated: Test) -> dict[str, list[Sample]]:
    """The tests that pytest makes of a decorated function: the samples of each by its id."""
    (mark,) = vars(decorated)["pytestmark"]
    return dict(zip(mark.kwargs["ids"], mark.args[1], strict=True))


def test_every_sample_is_tried_once_in_the_test_of_its_op() -> None:
    tried: list[tuple[str, str]] = []

    @for_each_sample(reversed(ALL_SAMPLES))
    def check(sample: Sample, fixture: str) -> None:
        tried.append((fixture, sample.id))

    for op, samples in groups_of(check).items():
        check(sample=samples, fixture=op)
    assert sorted(tried) == sorted((sample.op.name, sample.id) for sample in ALL_SAMPLES)


def test_each_sample_that_fails_is_named_with_its_error() -> None:
    tried: list[str] = []

    @for_each_sample(SUMS)
    def check(sample: Sample) -> None:
        tried.append(sample.id)
        assert sample.id != "sum.all_axes", "this is off by 1"
        with pytest.raises(ValueError, match="base 10"):
            int("3" if sample.id == "sum.rank_0" else sample.id)

    with pytest.raises(BaseExceptionGroup) as raised:
        check(sample=SUMS)
    assert tried == [sample.id for sample in SUMS]
    assert raised.value.message == f"2 of {len(SUMS)} samples fail: sum.all_axes, sum.rank_0"
    found = [(type(error).__name__, str(error).splitlines()[0], *error.__notes__) for error in raised.value.exceptions]
    assert found == [
        ("AssertionError", "this is off by 1", "sample sum.all_axes"),
        ("Failed", "DID NOT RAISE ValueError", "sample sum.rank_0"),
    ]
