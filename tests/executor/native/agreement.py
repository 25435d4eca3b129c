"""Whether two engines agree."""

import math
from collections.abc import Mapping

import numpy as np

from asg_autograd import lower
from asg_executor.plan.arrays import Array
from asg_schema.document import Document
from op_samples.comparing import PRECISION, largest_magnitude
from op_samples.sample import dtype_of

__all__ = ["assert_agree", "assert_agree_within", "coarsest", "difference"]


def difference(actual: Array, expected: Array) -> float:
    """The largest difference of two elements; infinite where one is NaN or infinite and the other is not that."""
    a, b = actual.astype(np.float64), expected.astype(np.float64)
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True) or not np.isfinite(a[finite]).all():
        return math.inf
    return float(np.max(np.abs(a[finite] - b[finite]), initial=0.0))


def assert_agree_within(
    actual: Mapping[str, Array], expected: Mapping[str, Array], bounds: Mapping[str, float]
) -> None:
    """Equal names, dtypes and shapes, and no element off by more than its array's bound."""
    assert actual.keys() == expected.keys()
    for name, wanted in expected.items():
        found = actual[name]
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape), name
        if dtype_of(wanted).is_floating:
            off = difference(found, wanted)
            assert off <= bounds[name], f"{name}, {wanted.dtype}{wanted.shape}: off by {off}, allowed {bounds[name]}"
        else:
            np.testing.assert_array_equal(found, wanted, name)


def assert_agree(actual: Mapping[str, Array], expected: Mapping[str, Array], tolerance: float) -> None:
    """As `assert_agree_within`, with bounds relative to the largest finite element of an array, or to 1.

    Args:
        actual: the arrays, by name.
        expected: what they should be.
        tolerance: the bound for an array whose elements are not above 1.
    """
    bounds = {name: tolerance * max(1.0, largest_magnitude(array)) for name, array in expected.items()}
    assert_agree_within(actual, expected, bounds)


def coarsest(document: Document) -> float:
    """The largest eps of the floating-point dtypes that a document computes in, those within functions included."""
    dtypes = {type.dtype for type in lower(document).types.values()}
    return max((PRECISION[dtype][0] for dtype in dtypes if dtype.is_floating), default=0.0)
