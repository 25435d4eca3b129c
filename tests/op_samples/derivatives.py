"""Derivatives of one op at given operands, of any order."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import asg_executor
from asg_autograd import jvp, vjp
from asg_schema.document import Document
from asg_schema.op import Op
from op_samples.sample import Array, Sample, array_dtype, dtype_of, indices_of, sample_document, sample_inputs

__all__ = ["gradients", "tangents"]


def gradients(op: type[Op], operands: Sequence[Array], attributes: Mapping[str, Any], order: int = 1) -> list[Array]:
    """The derivatives of the sum of an op's result by each float operand; at `order` 2 those of their sum."""
    sample = Sample("edge", op, tuple(operands), attributes, lambda: np.zeros(()))
    document = sample_document(sample)
    wrt = [f"x{index}" for index, operand in enumerate(operands) if dtype_of(operand).is_floating]
    inputs = dict(sample_inputs(sample))
    outputs = ["y0"]
    for _ in range(order):
        result = vjp(document, outputs, wrt)
        for item in result.inputs[len(document.inputs) :]:
            inputs[item.id] = np.ones([int(str(dim)) for dim in item.shape], array_dtype(item.dtype))
        outputs = [item.name for item in result.outputs[len(document.outputs) :]]
        document = result
    results = asg_executor.run(document, inputs, engine="numpy", outputs=outputs)
    return [results[name] for name in outputs]


def tangents(op: type[Op], operands: Sequence[Array], attributes: Mapping[str, Any], order: int = 1) -> list[Array]:
    """The derivatives that `gradients` gives, element by element, by forward mode alone.

    Every order but the last moves all elements of all operands together. The last moves one element after the other,
    but those of an element-wise op together: they do not meet.
    """
    sample = Sample("edge", op, tuple(operands), attributes, lambda: np.zeros(()))
    document = sample_document(sample)
    wrt = [f"x{index}" for index, operand in enumerate(operands) if dtype_of(operand).is_floating]
    inputs, output = dict(sample_inputs(sample)), "y0"
    for _ in range(order - 1):
        document, directions, output = _pushed(document, wrt, output)
        inputs |= {name: np.ones_like(inputs[operand]) for name, operand in zip(directions, wrt, strict=True)}
    return [_by_operand(document, inputs, name, output, together=op.family() == "elementwise") for name in wrt]


def _pushed(document: Document, wrt: list[str], output: str) -> tuple[Document, list[str], str]:
    """The document with the tangent of an output, the inputs that move it, and the new output."""
    result = jvp(document, wrt, [output])
    return result, [item.id for item in result.inputs[len(document.inputs) :]], result.outputs[-1].name


def _by_operand(document: Document, inputs: Mapping[str, Array], name: str, output: str, *, together: bool) -> Array:
    result, (direction,), moved = _pushed(document, [name], output)
    x = inputs[name]
    if together and result.types[result.outputs[-1].value].shape == x.shape:
        ones = np.ones_like(x)
        return asg_executor.run(result, {**inputs, direction: ones}, engine="numpy", outputs=[moved])[moved]
    derivatives = np.zeros(x.shape)
    for index in indices_of(x.shape):
        unit = np.zeros_like(x)
        unit[index] = 1.0
        found = asg_executor.run(result, {**inputs, direction: unit}, engine="numpy", outputs=[moved])
        derivatives[index] = np.sum(found[moved])
    return derivatives
