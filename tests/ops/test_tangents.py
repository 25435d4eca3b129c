"""Jacobian-vector products of every sample of every op: against vector-Jacobian products, and central differences.

The products agree if ⟨ḡ, J v⟩ = ⟨Jᵀ ḡ, v⟩ for a tangent v and a cotangent ḡ, at edges too: that holds the table of
tangent rules to that of gradient rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

import asg_executor
from asg_autograd import NotDifferentiableError, jvp, vjp
from asg_executor.errors import ExecutorError
from asg_schema.document import Document
from asg_schema.dtype import DType
from op_samples import ALL_SAMPLES
from op_samples.comparing import PRECISION, TOLERANCE, largest_magnitude
from op_samples.each_sample import for_each_sample
from op_samples.finite_differences import directional_derivative, step_sizes
from op_samples.sample import Array, Sample, array_dtype, declared_operand, dtype_of, sample_document, sample_inputs

# Samples at which the two disagree because there is no derivative. Each of them has to go on disagreeing.
WITHOUT_DERIVATIVE = {
    "mean.no_elements": "its result is 0 / 0, and so is the tangent; the gradient is empty",
    "std.no_elements": "as mean",
    "rstd.no_elements": "as mean",
    "norm.nan_ord_inf": "its result is NaN; the gradient at NaN is NaN · 0",
}


def moving_operands(sample: Sample) -> list[str]:
    return [
        f"x{index}"
        for index, operand in enumerate(sample.operands)
        if declared_operand(sample.op, index).differentiable and dtype_of(operand).is_floating
    ]


def floating_outputs(document: Document) -> list[str]:
    return [item.name for item in document.outputs if document.types[item.value].dtype.is_floating]


def is_moving(sample: Sample) -> bool:
    """Whether the sample is one of double precision with a tangent that comes in and one that goes out."""
    return any(operand.dtype == np.float64 for operand in sample.operands) and bool(
        moving_operands(sample) and floating_outputs(sample_document(sample))
    )


SAMPLES = {sample.id: sample for sample in ALL_SAMPLES if is_moving(sample)}
SMOOTH = {
    sample.op.name: sample
    for sample in reversed(SAMPLES.values())
    if sample.differentiable_operands() and all(operand.size for operand in sample.operands)
}  # of each op the first


def random_arrays(document: Document, names: list[str], seed: int) -> dict[str, Array]:
    """Values for inputs of a document without symbols, none of them near 0."""
    generator, items = np.random.default_rng(seed), {item.id: item for item in document.inputs}
    arrays: dict[str, Array] = {}
    for name in names:
        shape = [int(str(dim)) for dim in items[name].shape]
        values = np.asarray(generator.choice((-1.0, 1.0), shape) * generator.uniform(0.5, 1.5, shape))
        arrays[name] = values.astype(array_dtype(items[name].dtype))
    return arrays


def run(document: Document, inputs: Mapping[str, Array], outputs: list[str]) -> list[Array]:
    return list(asg_executor.run(document, inputs, engine="numpy", outputs=outputs).values())


def inner(left: list[Array], right: list[Array]) -> float:
    with np.errstate(all="ignore"):  # at edges there are infinities of both signs
        return sum(float(np.sum(a.astype(np.float64) * b.astype(np.float64))) for a, b in zip(left, right, strict=True))


@dataclass
class Products:
    """Both products of a sample at random tangents and cotangents."""

    names: list[str]
    outputs: list[str]
    inputs: dict[str, Array]
    forward: Document
    backward: Document

    @classmethod
    def of(cls, sample: Sample) -> "Products":
        document, names = sample_document(sample), moving_operands(sample)
        outputs = floating_outputs(document)
        return cls(names, outputs, sample_inputs(sample), jvp(document, names), vjp(document, outputs, names))

    @property
    def tangents(self) -> dict[str, Array]:
        return random_arrays(self.forward, [f"tangent.{name}" for name in self.names], seed=1)

    @property
    def cotangents(self) -> dict[str, Array]:
        return random_arrays(self.backward, [f"cotangent.{name}" for name in self.outputs], seed=2)

    def moved(self) -> list[Array]:
        return run(self.forward, {**self.inputs, **self.tangents}, [f"tangent.{name}" for name in self.outputs])

    def pulled(self) -> list[Array]:
        return run(self.backward, {**self.inputs, **self.cotangents}, [f"grad.{name}" for name in self.names])


def agree(products: Products, moved: list[Array], pulled: list[Array]) -> bool:
    left, right = inner(list(products.cotangents.values()), moved), inner(pulled, list(products.tangents.values()))
    if not (np.isfinite(left) or np.isfinite(right)):
        return True
    arrays = [*moved, *pulled]
    eps = max(PRECISION[dtype_of(array)][0] for array in [*arrays, *products.cotangents.values()])
    scale = max([1.0, *map(largest_magnitude, arrays)])
    return bool(np.isclose(left, right, rtol=max(1e-10, 8 * eps), atol=max(1e-12, 8 * eps) * scale))


@for_each_sample(SAMPLES.values())
def test_tangents(sample: Sample) -> None:
    try:
        products = Products.of(sample)
    except NotDifferentiableError:
        assert_both_refuse(sample)
        return
    try:
        pulled = products.pulled()
    except ExecutorError as error:
        with pytest.raises(type(error)):
            products.moved()
        return
    moved = products.moved()
    assert agree(products, moved, pulled) == (sample.id not in WITHOUT_DERIVATIVE)
    if sample.differentiable_operands():
        assert_central_differences(products, sample, moved)


def test_no_exception_is_stale() -> None:
    assert set(WITHOUT_DERIVATIVE) <= set(SAMPLES)


def assert_both_refuse(sample: Sample) -> None:
    document, names = sample_document(sample), moving_operands(sample)
    with pytest.raises(NotDifferentiableError) as backward:
        vjp(document, floating_outputs(document), names)
    with pytest.raises(NotDifferentiableError) as forward:
        jvp(document, names)
    assert (forward.value.node, forward.value.reason) == (backward.value.node, backward.value.reason)


def assert_central_differences(products: Products, sample: Sample, moved: list[Array]) -> None:
    document = sample_document(sample)
    # In units of one step for all elements, so that the direction is the tangent's.
    step = min((float(np.min(step_sizes(products.inputs[name]), initial=1.0)) for name in products.names), default=1.0)
    directions = {name: products.tangents[f"tangent.{name}"] * step for name in products.names}
    for output, actual in zip(products.outputs, moved, strict=True):
        numeric = directional_derivative(
            lambda point, output=output: run(document, point, [output])[0], products.inputs, directions
        )
        scale = max(1.0, float(np.max(np.abs(numeric), initial=0.0)) / step)
        np.testing.assert_allclose(actual, numeric / step, rtol=1e-6, atol=2e-7 * scale, err_msg=output)


@pytest.mark.parametrize("name", SMOOTH)
def test_second_order(name: str) -> None:
    """Reverse over forward mode is forward over reverse mode, and forward over forward the difference of tangents."""
    first = Products.of(SMOOTH[name])
    inputs = {**first.inputs, **first.tangents, **first.cotangents}
    tangents = [f"tangent.{output}" for output in first.outputs]
    over_forward = vjp(first.forward, tangents, first.names)
    inputs |= {f"cotangent.tangent.{output}": inputs[f"cotangent.{output}"] for output in first.outputs}
    over_backward = jvp(first.backward, first.names, [f"grad.{operand}" for operand in first.names])
    left = run(over_forward, only(over_forward, inputs), [f"grad.{operand}" for operand in first.names])
    right = run(over_backward, only(over_backward, inputs), [f"tangent.grad.{operand}" for operand in first.names])
    scale = max([1.0, *map(largest_magnitude, [*left, *right])])
    for one, other in zip(left, right, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10 * scale)

    twice = jvp(first.forward, first.names, tangents)
    inputs |= {f"tangent2.{operand}": first.tangents[f"tangent.{operand}"] for operand in first.names}
    actual = run(twice, only(twice, inputs), [f"tangent.{tangent}" for tangent in tangents])
    step = 1e-4
    directions = {operand: first.tangents[f"tangent.{operand}"] * step for operand in first.names}
    for tangent, found in zip(tangents, actual, strict=True):
        numeric = directional_derivative(
            lambda point, tangent=tangent: run(first.forward, only(first.forward, point), [tangent])[0],
            inputs,
            directions,
        )
        scale = max(1.0, float(np.max(np.abs(numeric), initial=0.0)) / step)
        np.testing.assert_allclose(found, numeric / step, rtol=1e-5, atol=1e-6 * scale, err_msg=tangent)


def only(document: Document, inputs: Mapping[str, Array]) -> dict[str, Array]:
    return {item.id: inputs[item.id] for item in document.inputs}


NARROW = [
    narrow
    for sample in SMOOTH.values()
    for dtype in (DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16)
    if (narrow := sample.in_dtype(dtype)) is not None
]


@for_each_sample(NARROW)
def test_narrow_dtype(sample: Sample) -> None:
    """The tangent in a narrow dtype is that in float64 at the same operands and tangents, but for rounding."""
    wide_operands = [x.astype(np.float64) if dtype_of(x).is_floating else x for x in sample.operands]
    wide = replace(sample, operands=tuple(wide_operands))
    names = moving_operands(sample)
    document, exact = (jvp(sample_document(item), names) for item in (sample, wide))
    tangents = random_arrays(document, [f"tangent.{name}" for name in names], seed=1)
    wide_tangents = {name: array.astype(np.float64) for name, array in tangents.items()}
    outputs = [item.name for item in document.outputs if item.name.startswith("tangent.")]
    actual = run(document, {**sample_inputs(sample), **tangents}, outputs)
    expected = run(exact, {**sample_inputs(wide), **wide_tangents}, outputs)
    scale = max(largest_magnitude(array) for array in (*wide_operands, *wide_tangents.values(), *expected))
    for found, wanted in zip(actual, expected, strict=True):
        dtype = dtype_of(found)
        assert dtype is dtype_of(sample.operands[int(names[0][1:])])
        error = np.abs(found.astype(np.float64) - wanted)
        assert np.max(error, initial=0.0) <= TOLERANCE * PRECISION[dtype][0] * scale
