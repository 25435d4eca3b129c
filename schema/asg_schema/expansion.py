"""Pieces that the expansions of several composites share."""

from collections.abc import Sequence
from typing import Any

from asg_schema.dims import Dim, SymbolicDim, element_count
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.ops.comparison import IsFinite, Less
from asg_schema.ops.creation import DimSize, Iota
from asg_schema.ops.elementwise import Astype, StopGradient, Where
from asg_schema.ops.layout import Pad, Reshape
from asg_schema.ops.reduction import Max

__all__ = [
    "along_axis",
    "count_elements",
    "finite_maximum",
    "index_grid",
    "narrow",
    "refuse_negative",
    "shift_lines",
    "widen",
    "widened",
]


def widen(x: Value) -> Value:
    """The operand in float32 where it has half precision: a sum or a count in 16 bits would overflow or lose digits."""
    wide = widened(x.dtype)
    return x if wide is x.dtype else Astype.of(x, dtype=wide)


def widened(dtype: DType) -> DType:
    """The dtype in which operands of `dtype` are computed after `widen`; integers are as they are."""
    return DType.FLOAT32 if dtype.is_floating and dtype.itemsize < 4 else dtype


def narrow(x: Value, dtype: DType) -> Value:
    """The result in the dtype that it had before `widen`."""
    return x if x.dtype is dtype else Astype.of(x, dtype=dtype)


def count_elements(x: Value, axes: Sequence[int], dtype: DType) -> Value:
    """The number of elements along `axes`, rank 0; symbolic dims are measured when the program runs."""
    counted = [dim for axis in axes if (dim := x.shape[axis]) != 1]
    symbolic = [dim for dim in counted if isinstance(dim, SymbolicDim)]
    if len(axes) == x.rank and len(counted) > 1 and symbolic and all(len(dim.terms) == 1 for dim in symbolic):
        x, axes = Reshape.of(x, shape=(element_count(x.shape),)), (0,)  # one axis, measured at once
    known = element_count(dim for axis in axes if isinstance(dim := x.shape[axis], int))
    assert isinstance(known, int), "a product of numbers is a number"
    measured = [DimSize.of(x, axis=axis) for axis in axes if not isinstance(x.shape[axis], int)]
    if not measured:
        return x.editor.full((), known, dtype)
    total = measured[0]
    for size in measured[1:]:
        total = total * size
    return narrow(total if known == 1 else total * known, dtype)


def along_axis(x: Value, axis: int, rank: int) -> Value:
    """A vector laid along one axis of `rank`, so that it broadcasts with an array whose axis has its size."""
    return Reshape.of(x, shape=(*(1,) * axis, x.shape[0], *(1,) * (rank - axis - 1)))


def finite_maximum(x: Value, axis: tuple[int, ...] | None) -> Value:
    """The maximum over `axis`, 0 where it is not finite, with its axes kept and without a derivative.

    It shifts the operand of an exponential whose result does not depend on the shift, so no derivative is lost.
    """
    maximum = StopGradient.of(Max.of(x, axis=axis, keepdims=True))
    return Where.of(IsFinite.of(maximum), maximum, maximum.scalar(0.0))


def index_grid(editor: "Editor[Any]", rows: Dim, columns: Dim) -> tuple[Value, Value]:
    """The row of each place of a matrix, [rows, 1], and its column, [1, columns]; int64."""
    (row,) = editor.emit(Iota, (), {"dtype": DType.INT64, "shape": (rows, 1), "axis": 0})
    (column,) = editor.emit(Iota, (), {"dtype": DType.INT64, "shape": (1, columns), "axis": 1})
    return row, column


def shift_lines(lines: Value, distance: int, fill: float) -> Value:
    """The elements moved along the last axis by `distance`, `fill` moved in, what leaves dropped."""
    low = (*(0,) * (lines.rank - 1), distance)
    return Pad.of(lines, low=low, high=tuple(-places for places in low), value=fill)


def refuse_negative(indices: Value, size: Value) -> Value:
    """Indices with those below 0 moved to `size`, so that a gather refuses them: to it -1 would be the last place.

    Args:
        indices: int32 or int64.
        size: the size of the axis that they point into, rank 0, of their dtype.
    """
    return Where.of(Less.of(indices, indices.scalar(0)), size, indices)
