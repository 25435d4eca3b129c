"""Derivatives of one op at given operands, of any order."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import asg_executor
from asg_autograd import vjp
from asg_schema.op import Op
from op_samples.sample import Array, Sample, array_dtype, dtype_of, sample_document, sample_inputs

__all__ = ["gradients"]


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
