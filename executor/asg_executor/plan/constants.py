"""Arrays that follow from a node's attributes alone, kept as views of as few elements as possible."""

from typing import cast

import numpy as np

from asg_executor.plan.arrays import Array, numpy_dtype
from asg_schema.op import Op
from asg_schema.ops.creation import Bytes, Constant, DimSize, Full, Iota
from asg_schema.tensor_type import TensorType

__all__ = ["creation_value"]


def creation_value(op: Op, operands: tuple[TensorType, ...]) -> Array | None:
    """The result of a creation op as a read-only array; None for every other op.

    A `full` is one element broadcast to its shape, an `iota` one axis of elements broadcast to its shape.

    Args:
        op: the op, without symbols.
        operands: the types of its operands, without symbols.
    """
    match op:
        case Full():
            return np.broadcast_to(np.asarray(op.value).astype(numpy_dtype(op.dtype)), _ints(op.shape))
        case Constant():
            return _elements(op).reshape(op.shape)
        case Iota():
            shape = _ints(op.shape)
            axis = op.axis % len(shape)
            with np.errstate(over="ignore"):  # beyond the range of a 16-bit float an element is inf
                line = np.arange(shape[axis], dtype=np.int64).astype(numpy_dtype(op.dtype))
            return np.broadcast_to(line.reshape((-1,) + (1,) * (len(shape) - axis - 1)), shape)
        case DimSize():
            return np.asarray(operands[0].shape[op.axis], dtype=np.int64)
        case _:
            return None


def _elements(op: Constant) -> Array:
    dtype = numpy_dtype(op.dtype)
    if isinstance(op.value, Bytes):
        stored = np.frombuffer(op.value.decode(), dtype=dtype.newbyteorder("<"))
        return stored.astype(dtype.newbyteorder("="), copy=False)
    if op.dtype.is_floating:
        return np.asarray(op.value, dtype=np.float64).astype(dtype)
    return np.asarray(op.value, dtype=dtype)


def _ints(shape: tuple[object, ...]) -> tuple[int, ...]:
    return cast("tuple[int, ...]", shape)
