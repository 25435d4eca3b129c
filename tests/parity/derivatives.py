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


def results(sample: Sample) -> list[Array]:
    """All results of the sample's op."""
    document = sample_document(sample)
    found = asg_executor.run(document, sample_inputs(sample))
    return [found[output.name] for output in document.outputs]


def float_results(sample: Sample) -> list[int]:
    """The places of the op's floating-point results: those that have a cotangent."""
    return [index for index, result in enumerate(sample.expected()) if result.dtype == np.float64]


def fixed_cotangents(sample: Sample) -> list[Array]:
    """A cotangent for each floating-point result."""
    expected = sample.expected()
    return fixed_arrays([expected[index].shape for index in float_results(sample)], seed=1)


def gradients(sample: Sample, operands: list[int], cotangents: list[Array]) -> list[Array]:
    """The vector-Jacobian product of the op's floating-point results with `cotangents`, by each of these operands."""
    outputs = [f"y{index}" for index in float_results(sample)]
    document = vjp(sample_document(sample), outputs, [f"x{index}" for index in operands])
    given = {f"cotangent.{name}": cotangent for name, cotangent in zip(outputs, cotangents, strict=True)}
    found = asg_executor.run(document, {**sample_inputs(sample), **given})
    return [found[f"grad.x{index}"] for index in operands]


def second_gradients(sample: Sample, operands: list[int], cotangents: list[Array], weights: list[Array]) -> list[Array]:
    """The derivatives of Σ weights · gradients by each of these operands."""
    outputs = [f"y{index}" for index in float_results(sample)]
    wrt = [f"x{index}" for index in operands]
    first = vjp(sample_document(sample), outputs, wrt)
    second = vjp(first, [f"grad.{name}" for name in wrt], wrt)
    given = {f"cotangent.{name}": cotangent for name, cotangent in zip(outputs, cotangents, strict=True)}
    seeds = {f"cotangent.grad.{name}": weight for name, weight in zip(wrt, weights, strict=True)}
    inputs: Mapping[str, Array] = {**sample_inputs(sample), **given, **seeds}
    found = asg_executor.run(second, inputs)
    return [found[f"grad2.{name}"] for name in wrt]


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
