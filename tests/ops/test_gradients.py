"""Gradients of every differentiable sample against central differences, at first and at second order.

The first order goes element by element; the second, the derivative of a random combination of all first-order
gradients by operands and cotangents, along random directions. After `check_grads` of HIPS autograd.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

import asg_executor
from asg_autograd import vjp
from asg_schema.document import Document
from asg_schema.dtype import DType
from op_samples import ALL_SAMPLES
from op_samples.comparing import PRECISION, TOLERANCE, largest_magnitude
from op_samples.each_sample import for_each_sample
from op_samples.finite_differences import directional_derivative, numerical_gradient, step_sizes
from op_samples.sample import Array, Sample, array_dtype, dtype_of, rounded, sample_document, sample_inputs

SAMPLES = {sample.id: sample for sample in ALL_SAMPLES if sample.differentiable_operands()}
every_sample = for_each_sample(SAMPLES.values())

_RELATIVE = 1e-7
_ABSOLUTE = 1e-9


@dataclass(frozen=True)
class Derivative:
    """A document that computes a vector-Jacobian product.

    Attributes:
        document: the document.
        outputs: what is differentiated.
        cotangents: the inputs that bring the cotangents of `outputs`.
        wrt: the inputs by which it is differentiated.
        gradients: the outputs that bear the derivatives by `wrt`.
    """

    document: Document
    outputs: list[str]
    cotangents: list[str]
    wrt: list[str]
    gradients: list[str]


def differentiate(document: Document, outputs: list[str], wrt: list[str]) -> Derivative:
    result = vjp(document, outputs, wrt)
    cotangents = [item.id for item in result.inputs[len(document.inputs) :]]
    gradients = [item.name for item in result.outputs[len(document.outputs) :]]
    assert len(cotangents) == len(outputs)
    assert len(gradients) == len(wrt)
    return Derivative(result, outputs, cotangents, wrt, gradients)


@cache
def first_derivative(id: str) -> Derivative:
    sample = SAMPLES[id]
    document = sample_document(sample)
    outputs = [output.name for output in document.outputs if document.types[output.value].dtype.is_floating]
    return differentiate(document, outputs, [f"x{index}" for index in sample.differentiable_operands()])


def random_arrays(document: Document, names: list[str], seed: int) -> dict[str, Array]:
    """Fixed values for inputs of a document, none of them near 0."""
    generator = np.random.default_rng(seed)
    shapes = {item.id: [int(str(dim)) for dim in item.shape] for item in document.inputs}
    return {
        name: generator.choice((-1.0, 1.0), shapes[name]) * generator.uniform(0.5, 1.5, shapes[name]) for name in names
    }


def run(document: Document, inputs: Mapping[str, Array], outputs: list[str]) -> dict[str, Array]:
    return asg_executor.run(document, inputs, engine="numpy", outputs=outputs)


NARROW = [
    narrow
    for sample in SAMPLES.values()
    for dtype in (DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16)
    if (narrow := sample.in_dtype(dtype)) is not None
]


def assert_close(actual: Array, expected: Array, what: str) -> None:
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    np.testing.assert_allclose(actual, expected, rtol=_RELATIVE, atol=_ABSOLUTE * scale, err_msg=what)


@every_sample
def test_first_order(sample: Sample) -> None:
    derivative = first_derivative(sample.id)
    cotangents = random_arrays(derivative.document, derivative.cotangents, seed=1)
    inputs = {**sample_inputs(sample), **cotangents}
    analytic = run(derivative.document, inputs, derivative.gradients)
    forward = sample_document(sample)
    for name, gradient in zip(derivative.wrt, derivative.gradients, strict=True):
        numeric = sum(
            numerical_gradient(
                lambda point, output=output: run(forward, point, [output])[output],
                sample_inputs(sample),
                name,
                cotangents[cotangent],
            )
            for output, cotangent in zip(derivative.outputs, derivative.cotangents, strict=True)
        )
        assert analytic[gradient].dtype == np.float64
        assert_close(analytic[gradient], np.asarray(numeric), f"{sample.id}: derivative by {name}")


@every_sample
def test_second_order(sample: Sample) -> None:
    first = first_derivative(sample.id)
    second = differentiate(first.document, first.gradients, [*first.wrt, *first.cotangents])
    weights = random_arrays(second.document, second.cotangents, seed=2)
    point = {**sample_inputs(sample), **random_arrays(first.document, first.cotangents, seed=1)}
    analytic = run(second.document, {**point, **weights}, second.gradients)

    def combination(at: Mapping[str, Array]) -> Array:
        values = run(first.document, at, first.gradients)
        terms = zip(first.gradients, second.cotangents, strict=True)
        return np.sum([np.sum(weights[weight] * values[gradient]) for gradient, weight in terms])

    for name, gradient in zip(second.wrt, second.gradients, strict=True):
        for seed in (3, 4):
            direction = random_arrays(second.document, [name], seed)[name] * step_sizes(point[name])
            numeric = directional_derivative(combination, point, {name: direction})
            exact = np.sum(analytic[gradient] * direction)
            # Divided by the length of the direction, so that the tolerances mean what they say.
            length = float(np.max(np.abs(direction), initial=0.0)) or 1.0
            assert_close(exact / length, numeric / length, f"{sample.id}: second derivative by {name}")


@for_each_sample(NARROW)
def test_narrow_dtype(sample: Sample) -> None:
    """The gradient in a narrow dtype is that in float64 at the same operands and cotangents, but for rounding."""
    wide_operands = [x.astype(np.float64) if dtype_of(x).is_floating else x for x in sample.operands]
    wide = replace(sample, operands=tuple(wide_operands))
    names = [f"x{index}" for index in wide.differentiable_operands()]
    document, exact = (differentiate(sample_document(item), ["y0"], names) for item in (sample, wide))
    dtype = next(item.dtype for item in document.document.inputs if item.id == document.cotangents[0])
    cotangents = {
        name: array.astype(array_dtype(dtype))
        for name, array in random_arrays(exact.document, exact.cotangents, seed=1).items()
    }
    actual = run(document.document, {**sample_inputs(sample), **cotangents}, document.gradients)
    wide_cotangents = {name: array.astype(np.float64) for name, array in cotangents.items()}
    expected = run(exact.document, {**sample_inputs(wide), **wide_cotangents}, exact.gradients)
    scale = max(largest_magnitude(array) for array in (*wide_operands, *wide_cotangents.values(), *expected.values()))
    for name in document.gradients:
        assert dtype_of(actual[name]) is dtype
        fits = np.isfinite(rounded(expected[name], array_dtype(dtype)))
        wide_actual = actual[name].astype(np.float64)
        np.testing.assert_array_equal(np.isfinite(wide_actual), fits, name)
        error = np.abs(wide_actual[fits] - expected[name][fits])
        assert np.max(error, initial=0.0) <= TOLERANCE * PRECISION[dtype][0] * scale, name
