"""Comparing results with references, with tolerances in units of the dtype's eps."""

import numpy as np

from asg_schema.composite import Composite
from asg_schema.dtype import DType
from op_samples.sample import Array, Sample, dtype_of

TOLERANCE = 8.0
PRECISION = {  # the distance from 1 to the next larger number, and the smallest number above 0
    DType.FLOAT16: (2.0**-10, 2.0**-24),
    DType.BFLOAT16: (2.0**-7, 2.0**-133),
    DType.FLOAT32: (2.0**-23, 2.0**-149),
    DType.FLOAT64: (2.0**-52, 2.0**-1074),
}


def assert_matches_reference(actual: tuple[Array, ...], sample: Sample) -> None:
    """Compare an op's results with the sample's reference.

    Dtypes and shapes are equal, integers and bools too, and so is where NaN and infinities stand. A finite float may
    err by 8 eps: of itself for a primitive element-wise op, and of the largest magnitude that enters or leaves for all
    others, because their terms may cancel.
    """
    expected = sample.expected()
    assert len(actual) == len(expected)
    for index, (result, wanted) in enumerate(zip(actual, expected, strict=True)):
        where = f"{sample.id}, result {index}"
        assert result.dtype == wanted.dtype, f"{where}: dtype {result.dtype}, expected {wanted.dtype}"
        assert result.shape == wanted.shape, f"{where}: shape {result.shape}, expected {wanted.shape}"
        if dtype_of(wanted).is_floating:
            _assert_close(result, wanted, allowed_error(sample, wanted), where)
        else:
            np.testing.assert_array_equal(result, wanted, where)


def allowed_error(sample: Sample, expected: Array) -> tuple[float, float]:
    """By how much a finite floating-point result may be off, relative to itself and in absolute terms."""
    eps, smallest = PRECISION[dtype_of(expected)]
    if sample.op.family() == "elementwise" and not issubclass(sample.op, Composite):
        return TOLERANCE * eps, smallest
    scale = max(largest_magnitude(array) for array in (*sample.operands, expected))
    return TOLERANCE * eps, TOLERANCE * eps * scale + smallest


def largest_magnitude(array: Array) -> float:
    """The largest absolute value of the finite elements of a floating-point array, else 0."""
    if not dtype_of(array).is_floating:
        return 0.0
    wide = array.astype(np.float64)
    return float(np.max(np.abs(wide), initial=0.0, where=np.isfinite(wide)))


def _assert_close(actual: Array, expected: Array, bounds: tuple[float, float], where: str) -> None:
    relative, absolute = bounds
    finite = np.isfinite(expected.astype(np.float64))
    wide, wanted = actual.astype(np.float64), expected.astype(np.float64)
    np.testing.assert_array_equal(wide[~finite], wanted[~finite], f"{where}: where the reference is not finite")
    error = np.abs(wide[finite] - wanted[finite])
    allowed = relative * np.abs(wanted[finite]) + absolute
    wrong = ~(error <= allowed)
    assert not wrong.any(), (
        f"{where}: got {wide[finite][wrong]}, expected {wanted[finite][wrong]}: "
        f"off by {error[wrong]}, allowed {allowed[wrong]}"
    )
