"""Expected gradients, from central differences of the samples' references.

A reference that is written out for its operands alone, as many edges are, does not move with them. Where differences
of the reference are not what the gradient document computes, they are taken of the executor's forward results instead,
which the forward cases compare with the reference; a gradient that differs from these, too, stops the generator.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

import asg_executor
from asg_autograd import vjp
from asg_schema.document import Document
from op_samples.finite_differences import numerical_gradient
from op_samples.sample import Array, Sample, array_dtype, sample_document, sample_inputs

__all__ = ["ABSOLUTE", "RELATIVE", "Derivative", "derivative_of", "numerical_gradients", "scale_of"]

RELATIVE, ABSOLUTE = 1e-7, 1e-9  # what central differences are good for, the latter in units of the largest element


@dataclass(frozen=True)
class Derivative:
    """The gradient document of a sample, with its inputs.

    Attributes:
        document: the document.
        inputs: the operands, and a cotangent for each differentiated output.
        cotangents: the names of the cotangents, in the order of `outputs`.
        outputs: the places of the differentiated results.
        wrt: the places of the operands by which they are differentiated.
        gradients: the names of the outputs that bear the gradients, in the order of `wrt`.
    """

    document: Document
    inputs: dict[str, Array]
    cotangents: list[str]
    outputs: list[int]
    wrt: list[int]
    gradients: list[str]


def derivative_of(sample: Sample, wrt: list[int], document: Document | None = None) -> Derivative:
    """The gradient document of a sample.

    Args:
        sample: the sample.
        wrt: the places of the operands by which it is differentiated.
        document: the sample's document over other dims; absent: over those of its operands.
    """
    concrete = sample_document(sample)
    source = concrete if document is None else document
    kinds = [concrete.types[output.value] for output in concrete.outputs]
    outputs = [place for place, kind in enumerate(kinds) if kind.dtype.is_floating]
    result = vjp(source, [f"y{place}" for place in outputs], [f"x{place}" for place in wrt])
    names = [item.id for item in result.inputs[len(source.inputs) :]]
    cotangents = {
        name: _cotangent(tuple(int(str(dim)) for dim in kinds[place].shape)).astype(array_dtype(kinds[place].dtype))
        for name, place in zip(names, outputs, strict=True)
    }
    gradients = [output.name for output in result.outputs[len(source.outputs) :]]
    return Derivative(result, {**sample_inputs(sample), **cotangents}, names, outputs, wrt, gradients)


def _cotangent(shape: tuple[int, ...]) -> Array:
    """Fixed values of few digits and both signs, none of them near 0, every one exact in 16 bits."""
    index = np.arange(int(np.prod(shape)))
    return ((0.5 + (index * 5 % 8) / 8) * np.where(index * 7 % 5 < 3, 1.0, -1.0)).reshape(shape)


def numerical_gradients(sample: Sample, derivative: Derivative) -> list[Array]:
    """The gradients of a sample whose floating-point operands are float64, by `derivative.wrt`, to eleven digits.

    Raises:
        ValueError: the gradient document computes something else than differences of the executor's results say.
    """
    cotangents = [derivative.inputs[name].astype(np.float64) for name in derivative.cotangents]
    computed = asg_executor.run(derivative.document, derivative.inputs, outputs=derivative.gradients)
    results: list[Array] = []
    for place, name in zip(derivative.wrt, derivative.gradients, strict=True):
        exact = _differences(_reference(sample), sample, derivative, place, cotangents)
        if not _agree(computed[name], exact):
            exact = _differences(_forward(sample), sample, derivative, place, cotangents)
        if not _agree(computed[name], exact):
            raise ValueError(f"{sample.id}: {name} is {computed[name]}; central differences say {exact}")
        results.append(_eleven_digits(exact))
    return results


def _agree(computed: Array, exact: Array) -> bool:
    return bool(np.all(np.abs(computed - exact) <= RELATIVE * np.abs(exact) + ABSOLUTE * scale_of(exact)))


def scale_of(gradient: Array) -> float:
    """The size of the elements of a gradient that an absolute error is measured by: at least 1."""
    return max(1.0, float(np.max(np.abs(gradient), initial=0.0)))


def _differences(
    function: Callable[[Mapping[str, Array]], tuple[Array, ...]],
    sample: Sample,
    derivative: Derivative,
    place: int,
    cotangents: list[Array],
) -> Array:
    """Central differences of Σ cotangent · result by the operand at `place`."""

    def total(point: Mapping[str, Array]) -> Array:
        values = function(point)
        terms = zip(derivative.outputs, cotangents, strict=True)
        return np.asarray(sum(np.sum(values[output] * cotangent) for output, cotangent in terms))

    return numerical_gradient(total, sample_inputs(sample), f"x{place}", np.ones(()))


def _reference(sample: Sample) -> Callable[[Mapping[str, Array]], tuple[Array, ...]]:
    def function(point: Mapping[str, Array]) -> tuple[Array, ...]:
        # A point of rank 0 that was moved is no array any more.
        return replace(sample, operands=tuple(map(np.asarray, point.values()))).expected()

    return function


def _forward(sample: Sample) -> Callable[[Mapping[str, Array]], tuple[Array, ...]]:
    document = sample_document(sample)
    names = [output.name for output in document.outputs]

    def function(point: Mapping[str, Array]) -> tuple[Array, ...]:
        results = asg_executor.run(document, point)
        return tuple(results[name] for name in names)

    return function


def _eleven_digits(array: Array) -> Array:
    """The elements to eleven digits, and 0 for what is but the noise of differences."""
    noise = 1e-2 * ABSOLUTE * scale_of(array)
    flat = [0.0 if abs(value) < noise else float(f"{value:.11g}") for value in array.reshape(-1).tolist()]
    return np.array(flat, np.float64).reshape(array.shape)
