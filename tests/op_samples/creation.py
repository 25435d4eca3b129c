"""Samples of creation: every dtype, and both forms of a constant."""

import base64
import math
from typing import Any

import ml_dtypes
import numpy as np

from asg_schema.dtype import DType
from asg_schema.ops.creation import Constant, DimSize, Full, Iota
from op_samples.sample import Array, Sample, array_dtype, spread


def _full(name: str, dtype: DType, shape: tuple[int, ...], value: Any) -> Sample:
    def reference() -> Array:
        flat = [value] * math.prod(shape)
        return np.array(flat, array_dtype(dtype)).reshape(shape)

    return Sample(f"full.{name}", Full, (), {"dtype": dtype, "shape": shape, "value": value}, reference)


def _iota(name: str, dtype: DType, shape: tuple[int, ...], **attributes: int) -> Sample:
    def reference() -> Array:
        return np.indices(shape)[attributes.get("axis", 0)].astype(array_dtype(dtype))

    return Sample(f"iota.{name}", Iota, (), {"dtype": dtype, "shape": shape, **attributes}, reference)


def _constant(name: str, expected: Array, value: Any) -> Sample:
    attributes = {"dtype": expected.dtype.name, "shape": expected.shape, "value": value}
    return Sample(f"constant.{name}", Constant, (), attributes, lambda: expected)


def _base64(data: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(data).decode()}


def _dim_size(name: str, x: Array, axis: int) -> Sample:
    return Sample(f"dim_size.{name}", DimSize, (x,), {"axis": axis}, lambda x: np.array(len(np.moveaxis(x, axis, 0))))


_VALUES: dict[DType, Any] = {
    DType.FLOAT16: 0.5,
    DType.BFLOAT16: 1.5,
    DType.FLOAT32: 0.1,
    DType.FLOAT64: 0.1,
    DType.INT8: -128,
    DType.INT32: -(2**31),
    DType.INT64: 2**63 - 1,
    DType.UINT8: 255,
    DType.UINT32: 2**32 - 1,
    DType.BOOL: True,
}

SAMPLES: list[Sample] = [
    *(_full(dtype.value, dtype, (2, 2), value) for dtype, value in _VALUES.items()),
    _full("rank_0", DType.FLOAT64, (), -2.5),
    _full("empty", DType.FLOAT64, (0, 3), 1.0),
    _full("nan", DType.FLOAT64, (2,), math.nan),
    _full("negative_infinity", DType.BFLOAT16, (2,), -math.inf),
    *(_iota(dtype.value, dtype, (3,)) for dtype in _VALUES if dtype is not DType.BOOL),
    _iota("last_axis", DType.INT64, (2, 3), axis=-1),
    _iota("middle_axis", DType.FLOAT32, (2, 3, 2), axis=1),
    _iota("empty", DType.INT32, (0, 2)),
    _constant("float64", np.array([[0.1, -2.5], [math.inf, math.nan]]), [0.1, -2.5, math.inf, math.nan]),
    _constant("float16", np.array([0.5, 65504.0], np.float16), [0.5, 65504.0]),
    _constant("bfloat16", np.array([1.5, 3e38], ml_dtypes.bfloat16), [1.5, 3e38]),
    _constant("int64", np.array([-(2**63), 2**63 - 1]), [-(2**63), 2**63 - 1]),
    _constant("bool", np.array([True, False]), [True, False]),
    _constant("rank_0", np.array(7, np.uint8), [7]),
    _constant("empty", np.zeros((2, 0), np.float32), []),
    _constant("float32_base64", np.array([1.0, -2.0], np.float32), _base64(bytes.fromhex("0000803f000000c0"))),
    _constant("bfloat16_base64", np.array([1.0, -2.0], ml_dtypes.bfloat16), _base64(bytes.fromhex("803f00c0"))),
    _constant("int32_base64", np.array([[1], [-2]], np.int32), _base64(bytes.fromhex("01000000feffffff"))),
    _constant("bool_base64", np.array([True, False, True]), _base64(bytes([1, 0, 1]))),
    _dim_size("first_axis", spread(2, 3), 0),
    _dim_size("negative_axis", spread(2, 3), -1),
    _dim_size("int32", np.zeros((3, 2), np.int32), 0),
    _dim_size("empty_bool", np.zeros((3, 0), np.bool_), 1),
]
