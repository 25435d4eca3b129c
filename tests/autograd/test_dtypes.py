"""Gradients in every floating-point dtype: of the operands' types, and near those in double precision."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import asg_executor
from asg_autograd import vjp
from asg_schema.composites.elementwise import Gelu, Relu, Silu, Softplus
from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.op import Op
from asg_schema.ops.elementwise_functions import Acosh, Erf, Sigmoid, Tanh
from op_samples import ALL_SAMPLES
from op_samples.each_sample import for_each_sample
from op_samples.sample import Array, Sample, array_dtype, dtype_of, sample_document, sample_inputs

EPS = {DType.FLOAT32: 2.0**-23, DType.FLOAT16: 2.0**-10, DType.BFLOAT16: 2.0**-7}
NARROW = [
    narrow
    for sample in ALL_SAMPLES
    for dtype in EPS
    if sample.differentiable_operands() and (narrow := sample.in_dtype(dtype)) is not None
]


def gradients(sample: Sample, operands: Sequence[int]) -> tuple[Document, list[Array]]:
    """The document that pulls ones back through a sample, and the cotangents of some of its operands."""
    wrt = [f"x{index}" for index in operands]
    result = vjp(sample_document(sample), "y0", wrt)
    cotangent = result.inputs[-1]
    ones = np.ones([int(str(dim)) for dim in cotangent.shape], array_dtype(cotangent.dtype))
    values = asg_executor.run(result, {**sample_inputs(sample), cotangent.id: ones}, engine="numpy")
    return result, [values[f"grad.{name}"] for name in wrt]


@for_each_sample(NARROW)
def test_a_gradient_has_its_operands_type_and_that_dtypes_accuracy(sample: Sample) -> None:
    widened = [operand.astype(np.float64) if dtype_of(operand) in EPS else operand for operand in sample.operands]
    wide = replace(sample, operands=tuple(widened))
    indices = wide.differentiable_operands()
    dtype = dtype_of(sample.operands[indices[0]])
    document, values = gradients(sample, indices)
    assert Document.from_json(document.to_json()).types == document.types
    _, exact = gradients(wide, indices)
    for index, found, expected in zip(indices, values, exact, strict=True):
        operand = sample.operands[index]
        assert (found.shape, dtype_of(found)) == (operand.shape, dtype)
        comparable = np.isfinite(expected) & (np.abs(expected) < dtype.overflow)
        scale = max(1.0, float(np.max(np.abs(expected), initial=0.0, where=comparable)))
        error = np.abs(found.astype(np.float64) - expected)
        assert np.max(error, initial=0.0, where=comparable) <= 16 * EPS[dtype] * scale


LARGE: list[tuple[type[Op], dict[str, Any], float, float]] = [
    (Gelu, {}, 0.0, 1.0),
    (Gelu, {"approximate": "tanh"}, 0.0, 1.0),
    (Silu, {}, 0.0, 1.0),
    (Softplus, {}, 0.0, 1.0),
    (Relu, {}, 0.0, 1.0),
    (Sigmoid, {}, 0.0, 0.0),
    (Tanh, {}, 0.0, 0.0),
    (Erf, {}, 0.0, 0.0),
]


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize(("op", "attributes", "left", "right"), LARGE)
def test_far_from_zero_no_slope_becomes_nan(
    op: type[Op], attributes: dict[str, Any], left: float, right: float, dtype: DType
) -> None:
    magnitudes = [m for m in (200.0, 300.0, 1e4, 6e4, 1e10, 1e30) if m < dtype.overflow]
    x = np.array([-m for m in magnitudes] + magnitudes, array_dtype(dtype))
    sample = Sample("far", op, (x,), attributes, lambda x: x)
    _, values = gradients(sample, [0])
    assert values[0].tolist() == [left] * len(magnitudes) + [right] * len(magnitudes)


def test_acosh_has_a_slope_where_its_square_overflows_and_none_where_it_is_not_defined() -> None:
    x = np.array([300.0, 2000.0, -3.0], np.float16)
    found = gradients(Sample("acosh", Acosh, (x,), {}, lambda x: x), [0])[1][0].astype(np.float64)
    np.testing.assert_allclose(found[:2], [1 / 300, 1 / 2000], rtol=4e-3)
    assert np.isnan(found[2])
