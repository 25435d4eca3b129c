from typing import Any

import ml_dtypes
import numpy as np
import pytest

from asg_executor.errors import InterfaceError
from asg_executor.plan.coercion import as_array
from asg_schema.dtype import DType
from asg_schema.tensor_type import TensorType


def coerce(given: Any, dtype: DType) -> np.ndarray:
    return as_array("x", given, TensorType(dtype, ()))


@pytest.mark.parametrize(
    ("given", "dtype", "expected"),
    [
        (2, DType.FLOAT32, np.float32(2)),
        (0.1, DType.FLOAT32, np.float32(0.1)),
        ([[1, 2], [3, 4]], DType.FLOAT64, np.array([[1.0, 2.0], [3.0, 4.0]])),
        ([1.5], DType.BFLOAT16, np.array([1.5], ml_dtypes.bfloat16)),
        ([1, -2], DType.INT8, np.array([1, -2], np.int8)),
        (2**32 - 1, DType.UINT32, np.uint32(2**32 - 1)),
        ([True, False], DType.BOOL, np.array([True, False])),
        ([], DType.INT32, np.array([], np.int32)),
        (np.float32(3), DType.FLOAT32, np.float32(3)),
        ([np.float32(1.5), np.float32(-0.0)], DType.FLOAT32, np.array([1.5, -0.0], np.float32)),
        (np.array([0.1, np.nan]), DType.FLOAT32, np.array([0.1, np.nan], np.float32)),
        (np.array([1.5, -0.0], ">f4"), DType.FLOAT32, np.array([1.5, -0.0], np.float32)),
        (np.array([3.0], ml_dtypes.bfloat16), DType.FLOAT64, np.array([3.0])),
        (np.array([1, 2**40]), DType.FLOAT32, np.array([1, 2**40], np.float32)),
        (np.array([7], np.uint8), DType.INT64, np.array([7])),
        (np.zeros((0, 3), np.int64), DType.FLOAT32, np.zeros((0, 3), np.float32)),
        ([65519.0, -float("inf")], DType.FLOAT16, np.array([65504, -np.inf], np.float16)),
    ],
)
def test_what_loses_nothing_is_converted(given: Any, dtype: DType, expected: Any) -> None:
    array = coerce(given, dtype)
    assert array.dtype == np.asarray(expected).dtype
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("given", "dtype", "said"),
    [
        (1.0, DType.INT32, '"x" holds floats; the document declares int32'),
        (True, DType.FLOAT32, "holds bools"),
        (1, DType.BOOL, "holds integers"),
        (1e39, DType.FLOAT32, "a number that overflows float32"),
        ([65520.0], DType.FLOAT16, "a number that overflows float16"),
        (10**6, DType.FLOAT16, "an integer that float16 cannot represent"),
        (2**24 + 1, DType.FLOAT32, "an integer that float32 cannot represent"),
        ([-1], DType.UINT8, "outside 0 to 255"),
        (2**70, DType.INT64, "something else than numbers"),
        ([[1, 2], [3]], DType.FLOAT32, "cannot be read as float32"),
        ("3", DType.FLOAT32, "something else than numbers"),
        (None, DType.FLOAT32, "something else than numbers"),
        (np.zeros(2), DType.INT32, '"x" holds floats; the document declares int32'),
        (np.zeros(0), DType.INT32, '"x" holds floats; the document declares int32'),
        (np.zeros(2, bool), DType.FLOAT32, "holds bools"),
        (np.array([1e39]), DType.FLOAT32, "a number that overflows float32"),
        (np.array([2**63 - 1]), DType.FLOAT64, "an integer that float64 cannot represent"),
        (np.array([2**53 + 1]), DType.FLOAT64, "an integer that float64 cannot represent"),
        (np.array([256]), DType.UINT8, "outside 0 to 255"),
        (np.array(["a"]), DType.FLOAT32, "something else than numbers"),
    ],
)
def test_what_would_lose_something_is_refused(given: Any, dtype: DType, said: str) -> None:
    with pytest.raises(InterfaceError, match=said):
        coerce(given, dtype)
