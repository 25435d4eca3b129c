"""Kernels of pointwise ops: in place, on any strides, and in every dtype that they take."""

from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest

from asg_executor.kernels.kernel import Step
from asg_executor.kernels.pointwise import merged
from asg_executor.kernels.table import KERNELS
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.traits import is_pointwise
from asg_schema.composite import Composite
from asg_schema.dtype import DType
from asg_schema.op import Op
from asg_schema.op_table import OPS
from op_samples import ALL_SAMPLES
from op_samples.each_sample import for_each_sample
from op_samples.sample import Sample, dtype_of

Array = npt.NDArray[Any]


def with_dtypes(samples: list[Sample]) -> list[Sample]:
    found = [sample.in_dtype(dtype) for sample in samples for dtype in (DType.FLOAT32, DType.BFLOAT16)]
    return samples + [sample for sample in found if sample is not None]


def node(sample: Sample) -> Op:
    return sample.op(id="y", inputs=tuple(f"x{index}" for index in range(len(sample.operands))), **sample.attributes)


POINTWISE = [
    sample
    for sample in with_dtypes(ALL_SAMPLES)
    if sample.op in KERNELS and sample.operands and is_pointwise(node(sample))
]


def run_step(step: Step) -> None:
    with np.errstate(all="ignore"):
        step()


def apart(sample: Sample, operands: list[Array], result: Array) -> Array:
    """The result in memory of its own."""
    fresh = np.empty_like(result)
    run_step(KERNELS[sample.op](node(sample), operands, [fresh], Workspace()))
    return fresh


def assert_same(actual: Array, expected: Array) -> None:
    """Equal to the last bit, NaNs among themselves too, which NumPy does not find in bfloat16."""
    if dtype_of(expected).is_floating:
        actual, expected = actual.astype(np.float64), expected.astype(np.float64)
    np.testing.assert_array_equal(actual, expected)


@for_each_sample(POINTWISE)
def test_a_result_may_stand_where_any_operand_of_its_size_stands(sample: Sample) -> None:
    (expected,) = sample.expected()
    for index, operand in enumerate(sample.operands):
        if operand.shape != expected.shape or operand.itemsize != expected.itemsize:
            continue
        operands = [np.array(array) for array in sample.operands]
        wanted = apart(sample, operands, expected)
        result = operands[index].view(expected.dtype)
        run_step(KERNELS[sample.op](node(sample), operands, [result], Workspace()))
        assert_same(result, wanted)


@for_each_sample(POINTWISE)
def test_operands_may_lie_in_any_order_in_memory(sample: Sample) -> None:
    (expected,) = sample.expected()
    wanted = apart(sample, [np.array(array) for array in sample.operands], expected)
    strided = [
        np.repeat(np.asfortranarray(array), 2, -1)[..., ::2] if array.ndim else array for array in sample.operands
    ]
    assert_same(apart(sample, strided, expected), wanted)


def test_every_primitive_has_a_kernel() -> None:
    primitives = {op for op in OPS.values() if not issubclass(op, Composite)}
    assert primitives <= set(KERNELS)


@pytest.mark.parametrize(
    ("shapes", "result", "expected"),
    [
        ([(1, 1, 4), (4,)], (1, 1, 4), [(4,), (4,)]),
        ([(2, 3, 4), ()], (2, 3, 4), [(24,), ()]),
        ([(2, 3, 4), (4,)], (2, 3, 4), [(6, 4), (4,)]),
        ([(2, 3, 1), (2, 3, 4)], (2, 3, 4), [(6, 1), (6, 4)]),
        ([(1, 1), (1, 1)], (1, 1), [(), ()]),
    ],
)
def test_axes_are_merged_as_far_as_the_arrays_allow(
    shapes: list[tuple[int, ...]], result: tuple[int, ...], expected: list[tuple[int, ...]]
) -> None:
    arrays = [np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape) for shape in shapes]
    target = np.empty(result, np.float32)
    operands, merged_target = merged(arrays, target)
    assert [operand.shape for operand in operands] == expected
    np.add(*operands, out=merged_target)
    np.testing.assert_array_equal(target, arrays[0] + arrays[1])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16, np.int8, np.int64, np.bool_])
def test_where_keeps_every_bit(dtype: type[Any]) -> None:
    size = np.dtype(dtype).itemsize
    generator = np.random.default_rng(0)
    top = 2 if dtype is np.bool_ else 256
    a, b = (generator.integers(0, top, 100 * size).astype(np.uint8).view(dtype) for _ in range(2))
    condition = generator.random(100) < 0.5
    result = np.empty(100, dtype)
    op = OPS["where"](id="y", inputs=("c", "a", "b"))
    run_step(KERNELS[type(op)](op, [condition, a, b], [result], Workspace()))
    assert result.tobytes() == b"".join((a if c else b)[i : i + 1].tobytes() for i, c in enumerate(condition))


def test_half_precision_samples_are_among_those_tried() -> None:
    tried = {dtype_of(sample.operands[0]) for sample in POINTWISE}
    assert {DType.BFLOAT16, DType.FLOAT32, DType.FLOAT64, DType.INT32} <= tried
