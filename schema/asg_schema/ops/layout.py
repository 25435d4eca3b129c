"""Layout: where elements stand. No element is computed, so every dtype is allowed.

`slice` and `pad` with interior padding are each other's adjoint, as are `reshape`, `permute_dims` and `flip` with their
inverses, `broadcast_to` with `sum`, and `dynamic_slice` with `dynamic_update_slice`. The last two, and `pad` with
interior and negative padding, are defined as in StableHLO (https://openxla.org/stablehlo/spec).
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.attributes import Axes, Axis, Number, Shape
from asg_schema.bounds import check_overflow
from asg_schema.dims import Dim, SymbolicDim
from asg_schema.dtype import DType
from asg_schema.errors import RuleError
from asg_schema.op import DTypeGroup, Op, Operand
from asg_schema.tensor_type import TensorType

__all__ = [
    "BroadcastTo",
    "Concat",
    "DynamicSlice",
    "DynamicUpdateSlice",
    "Flip",
    "Pad",
    "PermuteDims",
    "Reshape",
    "Slice",
]

_X = (Operand("x", DTypeGroup.ANY),)


def _check_shape(shape: tuple[Dim, ...]) -> None:
    for dim in shape:
        if not isinstance(dim, SymbolicDim) and dim < 0:
            raise RuleError(f"shape {_show(shape)}: a dim is at least 0, not {dim}", field="shape")


def _show(dims: Sequence[Dim]) -> str:
    return f"[{', '.join(map(str, dims))}]"


def _check_length(field: str, values: Sequence[object], rank: int) -> None:
    if len(values) != rank:
        raise RuleError(f"{field} has {len(values)} entries; {{0}} needs {rank}, one for each axis", field=field)


class Reshape(Op):
    """The same elements in row-major order under another shape with as many elements.

    No dim is inferred: -1 is refused.

    Gradient:
        x: reshape(ḡ, shape of x).
    """

    op: Literal["reshape"] = "reshape"
    operands: ClassVar[tuple[Operand, ...]] = _X
    shape: Shape = Field(description="The shape of the result.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        _check_shape(self.shape)
        result = TensorType(x.dtype, self.shape)
        if result.size != x.size:
            raise RuleError(
                f"{{0}} has {x.size} elements and shape {_show(self.shape)} has {result.size}; they must be equal",
                field="shape",
            )
        return (result,)


class PermuteDims(Op):
    """The axes in another order: axis i of the result is axis axes[i] of x.

    The result has the dtype of x, and along axis i the size of x along axes[i].

    Gradient:
        x: permute_dims(ḡ, the inverse of axes).
    """

    op: Literal["permute_dims"] = "permute_dims"
    operands: ClassVar[tuple[Operand, ...]] = _X
    axes: Axes = Field(description="A permutation of the operand's axes.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        _check_length("axes", self.axes, x.rank)
        self.axes_of(self.axes, x.rank, "axes")
        return (TensorType(x.dtype, tuple(x.shape[axis] for axis in self.axes)),)


class BroadcastTo(Op):
    """x repeated along new leading axes and along axes of size 1, as NumPy broadcasts.

    Aligned from the last axis, each size of x is 1 or that of the result.

    Gradient:
        x: ḡ summed over the axes along which x was repeated.
    """

    op: Literal["broadcast_to"] = "broadcast_to"
    operands: ClassVar[tuple[Operand, ...]] = _X
    shape: Shape = Field(description="The shape of the result.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        _check_shape(self.shape)
        added = len(self.shape) - x.rank
        if added < 0 or any(a not in (1, b) for a, b in zip(x.shape, self.shape[added:], strict=True)):
            raise RuleError(f"{{0}} does not broadcast to shape {_show(self.shape)}", field="shape")
        return (TensorType(x.dtype, self.shape),)


class Concat(Op):
    """The operands joined along an existing axis, in order. All other axes must agree.

    The result has their dtype; along the axis its size is the sum of theirs, of which some or all may be 0. One operand
    is returned as it is.

    Gradient:
        arrays: to each the slice of ḡ along the axis at which its elements stand.
    """

    op: Literal["concat"] = "concat"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("arrays", DTypeGroup.ANY, variadic=True),)
    axis: Axis = Field(default=0, description="The axis to join along.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        first = operands[0]
        axis = self.axis_of(self.axis, first.rank)
        total = first.shape[axis]
        for index, operand in enumerate(operands[1:], 1):
            if operand.rank != first.rank or any(
                a != b for i, (a, b) in enumerate(zip(operand.shape, first.shape, strict=True)) if i != axis
            ):
                raise RuleError(f"{{{index}}} differs from {{0}} in an axis other than {axis}", operand=index)
            total = total + operand.shape[axis]
        return (TensorType(first.dtype, (*first.shape[:axis], total, *first.shape[axis + 1 :])),)


class Slice(Op):
    """Along each axis the elements start, start + step, … before stop.

    `start`, `stop` and `step` have one entry for each axis; 0 ≤ start ≤ stop ≤ dim and step ≥ 1: nothing is clamped and
    nothing counts from the end. (`flip` turns an axis round.) Along an axis the result has ⌈(stop - start) / step⌉
    elements.

    Gradient:
        x: ḡ at the places that were taken, 0 elsewhere: zeros padded round it and between its elements.
    """

    op: Literal["slice"] = "slice"
    operands: ClassVar[tuple[Operand, ...]] = _X
    start: Shape = Field(description="The first index along each axis.")
    stop: Shape = Field(description="The index behind the last, along each axis.")
    step: tuple[Annotated[int, Field(strict=True, ge=1, lt=2**63)], ...] | None = Field(
        default=None, description="The distance between elements along each axis, at least 1; absent: 1."
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        step = self.step or (1,) * x.rank
        _check_length("start", self.start, x.rank)
        _check_length("stop", self.stop, x.rank)
        _check_length("step", step, x.rank)
        dims: list[Dim] = []
        for axis, (start, stop, stride, dim) in enumerate(zip(self.start, self.stop, step, x.shape, strict=True)):
            known = [value for value in (start, stop, dim) if isinstance(value, int)]
            if any(value < 0 for value in known) or known != sorted(known):
                raise RuleError(
                    f"axis {axis} of {{0}} is sliced from {start} to {stop}; 0 <= start <= stop <= {dim} is needed",
                    field="stop",
                )
            dims.append((stop - start + (stride - 1)) // stride)
        return (TensorType(x.dtype, tuple(dims)),)


def _check_padding(value: float, dtype: DType) -> None:
    if dtype.is_floating:
        check_overflow("value", value, dtype)
        return
    low, high = dtype.integer_range if dtype.is_integer else (0, 1)
    if not (value.is_integer() and low <= value <= high):
        raise RuleError(f"value is {value}; for {{0}} an integer from {low} to {high} is needed", field="value")


class Pad(Op):
    """x with `value` put before, behind and between its elements along each axis.

    An axis of size n gets the size low + n + max(n - 1, 0) · interior + high, which must be at least 0. Negative `low`
    or `high` remove elements instead, after the interior padding. A symbolic n counts as at least 1 where `interior` is
    not 0. The value is rounded to a floating-point dtype; where it would overflow, or is no element of an integer
    dtype, it is refused.

    The result has the dtype of x.

    Gradient:
        x: ḡ at the place where each element stands in the result; 0 for elements that were removed.
    """

    op: Literal["pad"] = "pad"
    operands: ClassVar[tuple[Operand, ...]] = _X
    low: Shape = Field(description="How many elements go before, along each axis.")
    high: Shape = Field(description="How many elements go behind, along each axis.")
    interior: tuple[Annotated[int, Field(strict=True, ge=0, lt=2**63)], ...] | None = Field(
        default=None, description="How many elements go between two neighbours, along each axis, at least 0; absent: 0."
    )
    value: Number = Field(default=0.0, description="The value of the new elements, in the dtype of x; 0 or 1 for bool.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        interior = self.interior or (0,) * x.rank
        _check_padding(self.value, x.dtype)
        _check_length("low", self.low, x.rank)
        _check_length("high", self.high, x.rank)
        _check_length("interior", interior, x.rank)
        dims: list[Dim] = []
        for axis, (low, high, between, dim) in enumerate(zip(self.low, self.high, interior, x.shape, strict=True)):
            gaps = 0 if dim == 0 else dim - 1
            padded = low + dim + gaps * between + high
            if isinstance(padded, int) and padded < 0:
                raise RuleError(
                    f"axis {axis} of {{0}} would get the size {padded}; low or high is too small", field="low"
                )
            dims.append(padded)
        return (TensorType(x.dtype, tuple(dims)),)


class Flip(Op):
    """The elements in reverse order along each of `axis`.

    The result has the operand's type.

    Gradient:
        x: flip(ḡ, axis).
    """

    op: Literal["flip"] = "flip"
    operands: ClassVar[tuple[Operand, ...]] = _X
    axis: Axes | None = Field(default=None, description="The axes to reverse; absent: all.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        self.axes_of(self.axis, x.rank)
        return (x,)


def _check_start(x: TensorType, start: TensorType, operand: int) -> None:
    if start.shape != (x.rank,):
        raise RuleError(
            f"{{{operand}}} holds one start for each axis of {{0}}; shape [{x.rank}] is needed", operand=operand
        )


def _window_fault(x: TensorType, window: tuple[Dim, ...], what: str) -> str | None:
    """Why a block of shape `window` does not lie within x, or None where it does; `what` is what to call it."""
    if len(window) != x.rank:
        return f"{what} has {len(window)} axes; {{0}} has {x.rank}"
    for axis, (size, dim) in enumerate(zip(window, x.shape, strict=True)):
        if isinstance(size, int) and isinstance(dim, int) and not 0 <= size <= dim:
            return f"axis {axis} of {what} does not fit into {{0}}"
    return None


class DynamicSlice(Op):
    """The block of the given shape that begins at `start`, indices that are known at run time.

    `start` has the shape [rank of x]. Each start is clamped to [0, dim - size], so that the block always lies within x;
    a negative one does not count from the end.

    The result has the dtype of x.

    Gradient:
        x: dynamic_update_slice(zeros of the shape of x, ḡ, start).
    """

    op: Literal["dynamic_slice"] = "dynamic_slice"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("x", DTypeGroup.ANY),
        Operand("start", DTypeGroup.INDEX, variable="I", differentiable=False),
    )
    shape: Shape = Field(description="The shape of the block.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, start = operands
        _check_shape(self.shape)
        _check_start(x, start, 1)
        if fault := _window_fault(x, self.shape, f"shape {_show(self.shape)}"):
            raise RuleError(fault, field="shape")
        return (TensorType(x.dtype, self.shape),)


class DynamicUpdateSlice(Op):
    """x with the block that begins at `start` replaced by `update`.

    `update` has the dtype and rank of x and along no axis more elements; `start` has the shape [rank of x]. Each start
    is clamped to [0, dim - size], so that the block always lies within x; a negative one does not count from the end.
    The result has the type of x.

    Gradient:
        x: ḡ with zeros in place of the block.
        update: dynamic_slice(ḡ, start, shape of update).
    """

    op: Literal["dynamic_update_slice"] = "dynamic_update_slice"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("x", DTypeGroup.ANY),
        Operand("update", DTypeGroup.ANY),
        Operand("start", DTypeGroup.INDEX, variable="I", differentiable=False),
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, update, start = operands
        _check_start(x, start, 2)
        if fault := _window_fault(x, update.shape, "{1}"):
            raise RuleError(fault, operand=1)
        return (x,)
