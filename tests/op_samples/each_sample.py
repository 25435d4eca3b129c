"""`for_each_sample`: one test for each op, of all its samples."""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from itertools import groupby
from typing import Any

import pytest

from op_samples.sample import Sample

Test = Callable[..., None]


def for_each_sample(samples: Iterable[Sample]) -> Callable[[Test], Test]:
    """A decorator that gives a test its argument `sample`: every one of these, all of an op in one test.

    pytest takes longer over a test than most tests over a sample. Every sample is tried, whatever became of the others,
    and each that fails is named with its error.

    Args:
        samples: those to try, in any order.

    Returns:
        The decorator. A test keeps its fixtures; those of function scope are made once for the samples of an op.

    Raises:
        BaseExceptionGroup: from the test, some samples fail; what each raised has the sample's id as a note.
    """
    by_op = sorted(samples, key=lambda sample: sample.op.name)
    groups = {name: [*group] for name, group in groupby(by_op, key=lambda sample: sample.op.name)}

    def decorate(test: Test) -> Test:
        @wraps(test)
        def try_all(sample: Sequence[Sample], **fixtures: Any) -> None:
            failures = {each.id: error for each in sample if (error := _failure(test, each, fixtures)) is not None}
            if failures:
                message = f"{len(failures)} of {len(sample)} samples fail: {', '.join(failures)}"
                raise BaseExceptionGroup(message, [*failures.values()])

        return pytest.mark.parametrize("sample", groups.values(), ids=list(groups))(try_all)

    return decorate


def _failure(test: Test, sample: Sample, fixtures: dict[str, Any]) -> BaseException | None:
    try:
        test(sample=sample, **fixtures)
    except (Exception, pytest.fail.Exception) as error:
        error.add_note(f"sample {sample.id}")
        return error
    return None
