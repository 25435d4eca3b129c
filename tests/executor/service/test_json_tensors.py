"""Tensors in JSON: what is read, what is refused and where, and that nothing is lost on the way back."""

import json
import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from asg_executor.api.json_tensors import TensorError, decode_tensor, encode_tensor
from asg_executor.plan.arrays import dtype_of, numpy_dtype
from asg_schema.dims import Dim, symbol
from asg_schema.dtype import DType
from asg_schema.tensor_type import TensorType

N = symbol("n")


def declared(dtype: str, *shape: Dim) -> TensorType:
    return TensorType(DType(dtype), shape)


def decode(text: str, type: TensorType) -> Any:
    return decode_tensor(json.loads(text), type)


READ: list[tuple[str, TensorType, Any]] = [
    ("3", declared("float32"), 3.0),
    ("-0.0", declared("float64"), -0.0),
    ("[[1, 2, 3]]", declared("float32", N, 3), [[1, 2, 3]]),
    ("[1, 2.5]", declared("float64", N), [1, 2.5]),
    ('["inf", "-inf", "nan", 1]', declared("float32", 4), [math.inf, -math.inf, math.nan, 1]),
    ('"nan"', declared("bfloat16"), math.nan),
    ("[]", declared("float32", N), []),
    ("[[], []]", declared("int64", 2, N), [[], []]),
    ("[true, false]", declared("bool", 2), [True, False]),
    ("[-128, 127]", declared("int8", 2), [-128, 127]),
    ("[0, 4294967295]", declared("uint32", 2), [0, 2**32 - 1]),
    ("9223372036854775807", declared("int64"), 2**63 - 1),
    ("65504", declared("float16"), 65504.0),
    ("1e-400", declared("float64"), 0.0),
    ('{"dtype": "float32", "shape": [0, 3], "data": []}', declared("float32", N, 3), np.empty((0, 3))),
    ('{"dtype": "float32", "shape": [], "data": ["inf"]}', declared("float32"), math.inf),
    ('{"dtype": "int64", "shape": [2, 1], "data": [1, 2]}', declared("int64", N, 1), [[1], [2]]),
]


@pytest.mark.parametrize(("text", "type", "expected"), READ, ids=str)
def test_what_is_read(text: str, type: TensorType, expected: Any) -> None:
    found = decode(text, type)
    wanted = np.asarray(expected).astype(numpy_dtype(type.dtype))
    assert dtype_of(found) is type.dtype
    assert found.shape == wanted.shape
    assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    ("text", "type", "path", "message"),
    [
        ("true", declared("float32"), (), "true is not a number"),
        ("[1, true]", declared("float32", 2), (1,), "true is not a number"),
        ("[[1], [false]]", declared("int64", 2, 1), (1, 0), "false is not an integer"),
        ("[0, 1]", declared("bool", 2), (0,), "0 is not true or false"),
        ("1.0", declared("int32"), (), "1.0 is not an integer from -2147483648 to 2147483647"),
        ("[1, 128]", declared("int8", 2), (1,), "128 is not an integer from -128 to 127"),
        ("-1", declared("uint8"), (), "-1 is not an integer from 0 to 255"),
        ("9223372036854775808", declared("int64"), (), "is not an integer"),
        ("1e400", declared("float64"), (), "inf is not a number within the range of float64"),
        ("[1, 1e39]", declared("float32", 2), (1,), "1e+39 is not a number within the range of float32"),
        ("65520", declared("float16"), (), "65520 is not a number within the range of float16"),
        ("1" + "0" * 400, declared("float64"), (), "is not a number within the range of float64"),
        ('"Infinity"', declared("float32"), (), '"Infinity" is not a number'),
        ('"1"', declared("float32"), (), '"1" is not a number'),
        ('"inf"', declared("int64"), (), '"inf" is not an integer'),
        ("null", declared("float32"), (), "null is not a number"),
        ("[1]", declared("float32"), (), "[1] is not a number"),
        ("1", declared("float32", N), (), "it is 1; a list is needed"),
        ("[1, [2]]", declared("float32", N, 1), (0,), "it is 1; lists nested 2 deep is needed"),
        ("[[1, 2], [3]]", declared("float32", N, N), (1,), "the list has 1 elements; those before it have 2"),
        ("[[1, 2], 3]", declared("float32", N, N), (1,), "it is 3"),
        ("[[[1]]]", declared("float32", 1, 1), (0, 0), "[1] is not a number"),
        ("[[1, 2]]", declared("float32", N, 3), (), "its shape is [1, 2]; [n, 3] is needed"),
        ("[]", declared("float32", N, 3), (), 'write {"dtype"'),
        ('{"dtype": "float64", "shape": [], "data": [1]}', declared("float32"), ("dtype",), '"float64"; float32'),
        ('{"dtype": "float32", "shape": [2], "data": [1]}', declared("float32", N), ("data",), "1 elements"),
        ('{"dtype": "float32", "shape": [-1], "data": []}', declared("float32", N), ("shape",), "at least 0"),
        ('{"dtype": "float32", "shape": [true], "data": [1]}', declared("float32", N), ("shape",), "[True]"),
        ('{"dtype": "float32", "shape": [1.0], "data": [1]}', declared("float32", N), ("shape",), "[1.0]"),
        ('{"dtype": "float32", "shape": 1, "data": [1]}', declared("float32", N), ("shape",), "a list of integers"),
        ('{"dtype": "float32", "shape": [1], "data": [[1]]}', declared("float32", N), ("data", 0), "[1] is not"),
        ('{"dtype": "float32", "shape": [1], "data": 1}', declared("float32", N), ("data",), "a flat list"),
        ('{"dtype": "float32", "shape": [1, 1], "data": [1]}', declared("float32", N), (), "its shape is [1, 1]"),
        ('{"shape": [1], "data": [1]}', declared("float32", N), (), "exactly the fields"),
        ('{"dtype": "float32", "shape": [1], "data": [1], "x": 1}', declared("float32", N), (), '"x"'),
        (json.dumps({"dtype": "float32", "shape": [1] * 65, "data": [1]}), declared("float32", N), ("shape",), "65"),
        (
            '{"dtype": "float32", "shape": [4294967296, 4294967296, 4294967296], "data": []}',
            declared("float32", N, N, N),
            ("data",),
            "needs 79228162514264337593543950336",
        ),
    ],
    ids=str,
)
def test_what_is_refused_and_where(text: str, type: TensorType, path: tuple[Any, ...], message: str) -> None:
    with pytest.raises(TensorError) as caught:
        decode(text, type)
    assert caught.value.path == path
    assert message in caught.value.message


@pytest.mark.parametrize("dtype", [dtype.value for dtype in DType])
@given(data=st.data())
def test_every_array_survives_json(dtype: str, data: st.DataObject) -> None:
    kind = numpy_dtype(DType(dtype))
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    if DType(dtype) is DType.BFLOAT16:
        array = data.draw(hnp.arrays(np.uint16, shape)).view(ml_dtypes.bfloat16)
    else:
        array = data.draw(hnp.arrays(kind, shape))
    text = json.dumps(encode_tensor(array), allow_nan=False)
    found = decode(text, TensorType(DType(dtype), array.shape))
    assert found.shape == array.shape
    assert found.dtype == array.dtype
    if not DType(dtype).is_floating:
        np.testing.assert_array_equal(found, array)
        return
    with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
        numbers = ~np.isnan(array.astype(np.float64))
        assert (np.isnan(found.astype(np.float64)) == ~numbers).all()
    # Bit for bit, so that the sign of zero counts.
    assert found[numbers].tobytes() == array[numbers].tobytes()
