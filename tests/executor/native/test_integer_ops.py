"""`remainder` and `pow` of integers: every pair of bytes, and the ends of the wider dtypes."""

import numpy as np
import pytest

from asg_executor.engines.native.native_engine import NativeEngine
from asg_executor.engines.native.plan import Fused, NativePlan
from asg_executor.engines.numpy_engine import NumpyEngine
from asg_schema.op import Op
from asg_schema.ops.elementwise import Pow, Remainder
from executor.native.single_ops import Application
from op_samples.sample import Array


def every_pair(numbers: Array) -> tuple[Array, Array]:
    first, second = np.meshgrid(numbers, numbers, indexing="ij")
    return first.copy(), second.copy()


def edges(dtype: str) -> Array:
    """Numbers around 0, around both ends and between."""
    info = np.iinfo(dtype)
    near = [*range(7), 31, 32, 63, 64, 2**16 + 1]
    return np.unique(np.array([min(info.max, value) for value in near] + [info.max - value for value in near], dtype))


def with_negatives(dtype: str) -> Array:
    numbers = edges(dtype)
    return numbers if dtype.startswith("u") else np.unique(np.concatenate([numbers, -numbers - 1]))


OPERANDS = {
    "int8": every_pair(np.arange(-128, 128).astype(np.int8)),
    "uint8": every_pair(np.arange(256).astype(np.uint8)),
    **{dtype: every_pair(with_negatives(dtype)) for dtype in ("int32", "int64", "uint32")},
}


@pytest.mark.parametrize("op", [Remainder, Pow])
@pytest.mark.parametrize("dtype", OPERANDS)
def test_results_are_those_of_numpy(op: type[Op], dtype: str) -> None:
    application = Application(op, OPERANDS[dtype])
    plan = NativeEngine().plan(application.document(), {})
    assert isinstance(plan, NativePlan)
    assert [type(work) for work in plan.works] == [Fused]
    np.testing.assert_array_equal(application.run(NativeEngine()), application.run(NumpyEngine()))
