"""What ASG computes for a sample: results and vector-Jacobian products, and fixed arrays to feed them with."""

from collections.abc import Mapping

import numpy as np

import asg_executor
from asg_autograd import vjp
from op_samples.sample import Array, Sample, sample_document, sample_inputs

_FLOOR = 1e-14
"""What rounding leaves where a result would be 0."""


def fixed_arrays(shapes: list[tuple[int, ...]], seed: int) -> list[Array]:
    """The same irregular values for the same seed and shapes."""
    generator = np.random.default_rng(seed)
    return [generator.uniform(-1.5, 1.5, shape) for shape in shapes]


def forward(sample: Sample) -> Array:
    """The first result of the sample's op."""
    return asg_executor.run(sample_document(sample), sample_inputs(sample))["y0"]


def gradients(sample: Sample, operands: list[int], cotangent: Array) -> list[Array]:
    """The vector-Jacobian product of the sample's op with `cotangent`, by each of these operands."""
    document = vjp(sample_document(sample), ["y0"], [f"x{index}" for index in operands])
    inputs = {**sample_inputs(sample), "cotangent.y0": cotangent}
    results = asg_executor.run(document, inputs)
    return [results[f"grad.x{index}"] for index in operands]


def second_gradients(sample: Sample, operands: list[int], cotangent: Array, weights: list[Array]) -> list[Array]:
    """The derivatives of Σ weights · gradients by each of these operands."""
    wrt = [f"x{index}" for index in operands]
    first = vjp(sample_document(sample), ["y0"], wrt)
    second = vjp(first, [f"grad.{name}" for name in wrt], wrt)
    given = {f"cotangent.grad.{name}": weight for name, weight in zip(wrt, weights, strict=True)}
    inputs: Mapping[str, Array] = {**sample_inputs(sample), "cotangent.y0": cotangent, **given}
    results = asg_executor.run(second, inputs)
    return [results[f"grad2.{name}"] for name in wrt]


def assert_same(actual: Array, expected: Array, what: str, tolerance: float = 1e-12) -> None:
    """Equal shapes and dtypes; floats equal up to `tolerance`, relative to the largest of them."""
    expected = np.asarray(expected)
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, expected {expected.shape}"
    assert actual.dtype == expected.dtype, f"{what}: dtype {actual.dtype}, expected {expected.dtype}"
    if expected.dtype.kind in "iub":
        np.testing.assert_array_equal(actual, expected, what)
        return
    wide = expected.astype(np.float64)
    scale = float(np.max(np.abs(wide), initial=0.0, where=np.isfinite(wide)))
    np.testing.assert_allclose(
        actual.astype(np.float64), wide, rtol=tolerance, atol=tolerance * scale + _FLOOR, equal_nan=True, err_msg=what
    )
