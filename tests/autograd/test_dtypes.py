"""Gradients in every floating-point dtype: of the operands' types, and near those in double precision."""

from dataclasses import replace

import numpy as np
import pytest

import asg_executor
from asg_autograd import vjp
from asg_schema.document import Document
from asg_schema.dtype import DType
from op_samples import ALL_SAMPLES
from op_samples.sample import Array, Sample, array_dtype, dtype_of, sample_document, sample_inputs

SAMPLES = {sample.id: sample for sample in ALL_SAMPLES if sample.differentiable_operands()}
EPS = {DType.FLOAT32: 2.0**-23, DType.FLOAT16: 2.0**-10, DType.BFLOAT16: 2.0**-7}


def gradients(sample: Sample) -> tuple[Document, dict[str, Array]]:
    document = sample_document(sample)
    wrt = [f"x{index}" for index in sample.differentiable_operands()]
    result = vjp(document, "y0", wrt)
    cotangent = result.inputs[-1]
    ones = np.ones([int(str(dim)) for dim in cotangent.shape], array_dtype(cotangent.dtype))
    values = asg_executor.run(
        result, {**sample_inputs(sample), cotangent.id: ones}, outputs=[f"grad.{name}" for name in wrt]
    )
    return result, values


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("id", SAMPLES)
def test_a_gradient_has_its_operands_type_and_that_dtypes_accuracy(id: str, dtype: DType) -> None:
    sample = SAMPLES[id].in_dtype(dtype)
    if sample is None or not sample.differentiable_operands():
        return
    document, values = gradients(sample)
    assert Document.from_json(document.to_json()).types == document.types
    widened = [operand.astype(np.float64) if dtype_of(operand) is dtype else operand for operand in sample.operands]
    _, exact = gradients(replace(sample, operands=tuple(widened)))
    for index in sample.differentiable_operands():
        operand, found, expected = sample.operands[index], values[f"grad.x{index}"], exact[f"grad.x{index}"]
        assert (found.shape, dtype_of(found)) == (operand.shape, dtype_of(operand))
        comparable = np.isfinite(expected) & (np.abs(expected) < dtype.overflow)
        scale = max(1.0, float(np.max(np.abs(expected), initial=0.0, where=comparable)))
        error = np.abs(found.astype(np.float64) - expected)
        assert np.max(error, initial=0.0, where=comparable) <= 16 * EPS[dtype] * scale
