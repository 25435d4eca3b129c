"""Pooling to a given size, whatever the size of the operand.

Along an axis of n elements that is pooled to m, the window at place i holds the elements from floor(i · n / m) to
ceil((i + 1) · n / m), the latter not included; where m does not divide n, windows overlap and differ in size.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field
from typing_extensions import override

from asg_schema.composite import Composite
from asg_schema.composites.reduction import Mean
from asg_schema.dims import Dim, element_count
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.errors import RuleError
from asg_schema.expansion import narrow, widen
from asg_schema.op import DTypeGroup, Operand
from asg_schema.ops.comparison import Less
from asg_schema.ops.creation import MOST_CONSTANT_ELEMENTS, Constant, Iota
from asg_schema.ops.elementwise import Astype, Minimum, Where
from asg_schema.ops.indexing import Take, TakeAlongAxis
from asg_schema.ops.layout import PermuteDims, Reshape
from asg_schema.ops.reduction import Argmax, Sum
from asg_schema.tensor_type import TensorType
from asg_schema.window_expansion import floor_divide, measured
from asg_schema.windows import Steps

__all__ = ["AdaptiveAvgPool", "AdaptiveMaxPool", "GlobalAvgPool", "GlobalMaxPool", "adaptive_windows"]


class _Windows(NamedTuple):
    """The windows along one axis.

    Attributes:
        indices: [m, longest] the elements of each window, the last one repeated where a window is shorter.
        sizes: [m, 1] how many elements each window has.
        inside: [m, longest] which of the indices belong to the window.
    """

    indices: Value
    sizes: Value
    inside: Value


def _windows(x: Value, axis: int, places: int) -> _Windows:
    editor, size = x.editor, x.shape[axis]
    if isinstance(size, int) and places * (size // places + 2) <= MOST_CONSTANT_ELEMENTS:
        return _known_windows(editor, size, places)
    longest = (size + places - 1) // places + 1
    elements, count = measured(editor, size), editor.full((), places, DType.INT64)
    place = editor.emit(Iota, (), {"dtype": DType.INT64, "shape": (places, 1), "axis": 0})[0]
    offset = editor.emit(Iota, (), {"dtype": DType.INT64, "shape": (1, longest), "axis": 1})[0]
    first = floor_divide(place * elements, count)
    end = floor_divide((place + 1) * elements + (places - 1), count)
    index = first + offset
    return _Windows(Minimum.of(index, end - 1), end - first, Less.of(index, end))


def _known_windows(editor: Editor[Any], size: int, places: int) -> _Windows:
    """The windows along an axis of known size, as constants."""
    spans = [(place * size // places, -(-(place + 1) * size // places)) for place in range(places)]
    longest = max(end - first for first, end in spans)
    indices = [[min(first + offset, end - 1) for offset in range(longest)] for first, end in spans]
    inside = [[first + offset < end for offset in range(longest)] for first, end in spans]

    def table(dtype: DType, rows: Sequence[Sequence[int]]) -> Value:
        attributes = {"dtype": dtype, "shape": (len(rows), len(rows[0])), "value": tuple(chain.from_iterable(rows))}
        return editor.emit(Constant, (), attributes)[0]

    sizes = [[end - first] for first, end in spans]
    return _Windows(table(DType.INT64, indices), table(DType.INT64, sizes), table(DType.BOOL, inside))


def _check_adaptive(x: TensorType, output_size: tuple[int, ...]) -> TensorType:
    leading = x.rank - len(output_size)
    if not output_size:
        raise RuleError("output_size has no entry; at least one is needed", field="output_size")
    if leading < 0:
        raise RuleError(
            f"output_size has {len(output_size)} entries and {{0}} has {x.rank} axes; at most as many entries are "
            "needed",
            field="output_size",
        )
    for axis in range(leading, x.rank):
        if x.shape[axis] == 0:
            raise RuleError(f"{{0}} has no element along axis {axis}; at least one is needed", operand=0)
    return TensorType(x.dtype, (*x.shape[:leading], *output_size))


def _split_evenly(x: Value, axis: int, places: int) -> Value | None:
    """An axis in `places` equal parts, made two axes; None where it may not fall into such."""
    size = x.shape[axis]
    if size % places != 0:
        return None
    return Reshape.of(x, shape=(*x.shape[:axis], places, size // places, *x.shape[axis + 1 :]))


class AdaptiveAvgPool(Composite):
    """The arithmetic means of windows over the last axes of x that yield `output_size` places.

    Along an axis of n elements with m places, the window at place i holds the elements from floor(i · n / m) to
    ceil((i + 1) · n / m), the latter not included, so that no element is left out and padding is never needed.

    Gradient:
        x: to each element ḡ of every window that holds it, divided by that window's number of elements.
    """

    op: Literal["adaptive_avg_pool"] = "adaptive_avg_pool"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)
    output_size: Steps = Field(description="How many places the result has along each of the last axes.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (_check_adaptive(operands[0], self.output_size),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        mean = widen(x)
        for axis, places in enumerate(self.output_size, x.rank - len(self.output_size)):
            mean = _means_along(mean, axis, places)
        return (narrow(mean, x.dtype),)


def _means_along(x: Value, axis: int, places: int) -> Value:
    if (parts := _split_evenly(x, axis, places)) is not None:
        return Mean.of(parts, axis=(axis + 1,))
    windows = _windows(x, axis, places)
    behind = (1,) * (x.rank - axis - 1)
    longest = windows.indices.shape[1]
    inside = Reshape.of(windows.inside, shape=(places, longest, *behind))
    elements = Take.of(x, windows.indices, axis=axis)
    total = Sum.of(Where.of(inside, elements, x.scalar(0.0)), axis=(axis + 1,))
    return total / Reshape.of(Astype.of(windows.sizes, dtype=x.dtype), shape=(places, *behind))


class AdaptiveMaxPool(Composite):
    """The largest elements of windows over the last axes of x that yield `output_size` places; NaN if one is NaN.

    Along an axis of n elements with m places, the window at place i holds the elements from floor(i · n / m) to
    ceil((i + 1) · n / m), the latter not included.

    Gradient:
        x: 0, with ḡ of each window added at its first largest element in row-major order, or at its first NaN.
    """

    op: Literal["adaptive_max_pool"] = "adaptive_max_pool"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)
    output_size: Steps = Field(description="How many places the result has along each of the last axes.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (_check_adaptive(operands[0], self.output_size),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        lines = adaptive_windows(x, self.output_size)
        first = Argmax.of(lines, axis=-1, keepdims=True)
        return (Reshape.of(TakeAlongAxis.of(lines, first, axis=-1), shape=lines.shape[:-1]),)


def adaptive_windows(x: Value, output_size: Sequence[int]) -> Value:
    """The windows of adaptive pooling over the last axes of x, [*leading, *output_size, elements of a window].

    The elements are in row-major order. A window that is shorter than others has some of them several times, which
    changes neither the largest nor which element is the first to attain it.
    """
    leading, count = x.rank - len(output_size), len(output_size)
    parts = x
    for index, places in enumerate(output_size):
        axis = leading + 2 * index
        split = _split_evenly(parts, axis, places)
        parts = Take.of(parts, _windows(parts, axis, places).indices, axis=axis) if split is None else split
    order = (
        *range(leading),
        *(leading + 2 * i for i in range(count)),
        *(leading + 2 * i + 1 for i in range(count)),
    )
    parts = PermuteDims.of(parts, axes=order)
    shape: tuple[Dim, ...] = (*x.shape[:leading], *output_size)
    return Reshape.of(parts, shape=(*shape, element_count(parts.shape[len(shape) :])))


def _check_global(x: TensorType) -> TensorType:
    if x.rank < 3:
        raise RuleError("{0} must have a batch axis, a channel axis, and at least one spatial axis", operand=0)
    return TensorType(x.dtype, (*x.shape[:2], *(1,) * (x.rank - 2)))


class GlobalAvgPool(Composite):
    """The arithmetic mean over all spatial axes of x [N, C, *spatial], which stay with size 1; NaN over no elements.

    The result has the dtype of x and the shape [N, C, 1, …].

    Gradient:
        x: ḡ / n, repeated along the spatial axes, which have n elements.
    """

    op: Literal["global_avg_pool"] = "global_avg_pool"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (_check_global(operands[0]),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        return (Mean.of(x, axis=tuple(range(2, x.rank)), keepdims=True),)


class GlobalMaxPool(Composite):
    """The largest element over all spatial axes of x [N, C, *spatial], which stay with size 1; NaN if one is NaN.

    The result has the dtype of x and the shape [N, C, 1, …].

    Gradient:
        x: 0, with ḡ at the first largest element of each channel in row-major order, or at its first NaN.
    """

    op: Literal["global_max_pool"] = "global_max_pool"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        result = _check_global(operands[0])
        _check_adaptive(operands[0], (1,) * (operands[0].rank - 2))
        return (result,)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        return (AdaptiveMaxPool.of(x, output_size=(1,) * (x.rank - 2)),)
