"""Resampling of spatial axes to another size."""

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictBool
from typing_extensions import override

from asg_schema.attributes import Number, Shape
from asg_schema.composite import Composite
from asg_schema.dims import Dim
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.expansion import narrow, widen
from asg_schema.op import Operand
from asg_schema.ops.creation import Iota
from asg_schema.ops.elementwise import Astype, Floor, Maximum, Minimum
from asg_schema.ops.indexing import Take
from asg_schema.ops.layout import Reshape
from asg_schema.tensor_type import MOST_AXES, TensorType
from asg_schema.window_expansion import floor_divide, measured

__all__ = ["Interpolate"]

_LARGEST_TERM = 1 << 20  # of a factor of symbolic sizes


class Interpolate(Composite):
    """The last axes of x resampled to another size, as `torch.nn.functional.interpolate` does it.

    Either `size` or `scale_factor` is given, with an entry for each axis; a factor f makes floor(n · f) of n elements.
    With s = n / m for m new elements of n, or s = 1 / f where a factor is given, new element i is

    - "nearest": the element min(floor(i · s), n - 1);
    - "linear": at the position p = max((i + 0.5) · s - 0.5, 0), or with `align_corners` p = i · (n - 1) / (m - 1), 0
      for m = 1: with a = floor(p) and t = p - a, (1 - t) · x[a] + t · x[min(a + 1, n - 1)], one axis after another.
      Over two axes that is called bilinear, over three trilinear.

    Positions and t are computed in float64. With `size` and "nearest" floor(i · n / m) is exact. That holds, too, for a
    factor other than 1 that keeps all sizes; there PyTorch may return x as it is.

    The result has the dtype of x, and the shape [N, C, *size].

    Gradient:
        x: each ḡ added at the elements that it was taken from, by "linear" times their weights 1 - t and t.
    """

    op: Literal["interpolate"] = "interpolate"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)
    size: Shape | None = Field(default=None, description="The new size of each of the last axes.")
    scale_factor: Annotated[tuple[Number, ...], Field(max_length=MOST_AXES, fail_fast=True)] | None = Field(
        default=None, description="The factor of the size of each of the last axes."
    )
    mode: Literal["nearest", "linear"] = Field(default="nearest", description="How new elements are computed.")
    align_corners: StrictBool = Field(
        default=False,
        description='Whether with "linear" the first and the last elements keep their places; else the edges of the '
        "outermost elements do, each element being as wide as the distance to the next.",
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        if (self.size is None) is (self.scale_factor is None):
            given = "neither size nor scale_factor is" if self.size is None else "both size and scale_factor are"
            raise RuleError(f"{given} given; one of them is needed", field="size")
        if self.align_corners and self.mode == "nearest":
            raise RuleError('align_corners is true; mode "linear" is needed for that', field="align_corners")
        field, count = self._extent()
        leading = x.rank - count
        if not count:
            raise RuleError(f"{field} has no entry; at least one is needed", field=field)
        if leading < 0:
            raise RuleError(
                f"{field} has {count} entries and {{0}} has {x.rank} axes; at most as many entries are needed",
                field=field,
            )
        for axis in range(leading, x.rank):
            if x.shape[axis] == 0:
                raise RuleError(f"{{0}} has no element along axis {axis}; at least one is needed", operand=0)
        return (TensorType(x.dtype, (*x.shape[:leading], *self._sizes(x.shape[leading:], leading))),)

    def _extent(self) -> tuple[str, int]:
        """The name of the attribute that is given, and how many entries it has."""
        return ("size", len(self.size)) if self.size is not None else ("scale_factor", len(self.scale_factor or ()))

    def _sizes(self, before: tuple[Dim, ...], leading: int) -> tuple[Dim, ...]:
        if self.scale_factor is None:
            sizes = self.size or ()
            for axis, size in enumerate(sizes, leading):
                if isinstance(size, int) and size < 1:
                    raise RuleError(f"size {size} of axis {axis}: at least 1 is needed", field="size")
            return sizes
        return tuple(
            _scaled(n, factor, axis)
            for axis, (n, factor) in enumerate(zip(before, self.scale_factor, strict=True), leading)
        )

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        leading = x.rank - self._extent()[1]
        sizes = self._sizes(x.shape[leading:], leading)
        factors = self.scale_factor or (None,) * len(sizes)
        if self.mode == "nearest":
            for axis, (size, factor) in enumerate(zip(sizes, factors, strict=True), leading):
                x = Take.of(x, _nearest(x, axis, size, factor), axis=axis)
            return (x,)
        wide = widen(x)
        for axis, (size, factor) in enumerate(zip(sizes, factors, strict=True), leading):
            wide = _mixed(wide, axis, self._positions(wide, axis, size, factor))
        return (narrow(wide, x.dtype),)

    def _positions(self, x: Value, axis: int, size: Dim, factor: float | None) -> Value:
        """Where the new elements lie along an axis of x, float64 [size]."""
        count, elements = (Astype.of(measured(x.editor, dim), dtype=DType.FLOAT64) for dim in (size, x.shape[axis]))
        place = x.editor.emit(Iota, (), {"dtype": DType.FLOAT64, "shape": (size,)})[0]
        if self.align_corners:
            # Of one new element the place is 0, whatever the step.
            return place * ((elements - 1.0) / Maximum.of(count - 1.0, count.scalar(1.0)))
        step = elements / count if factor is None else place.scalar(1.0 / factor)
        return Maximum.of((place + 0.5) * step - 0.5, place.scalar(0.0))


def _scaled(size: Dim, factor: float, axis: int) -> Dim:
    """floor(size · factor)."""
    if not (math.isfinite(factor) and factor > 0):
        raise RuleError(
            f"scale_factor {factor} of axis {axis}: a finite number above 0 is needed", field="scale_factor"
        )
    if isinstance(size, int):
        scaled = math.floor(size * factor)
        if scaled < 1:
            raise RuleError(
                f"scale_factor {factor} leaves no element of axis {axis} of {{0}}; at least one is needed",
                field="scale_factor",
            )
        return scaled
    numerator, denominator = factor.as_integer_ratio()
    if max(numerator, denominator) > _LARGEST_TERM:  # the product would be rounded for some sizes
        raise RuleError(
            f"scale_factor {factor} of axis {axis}, whose size is {size}: an integer, or a small one over a power of "
            "two, is needed there; or a size",
            field="scale_factor",
        )
    return size * numerator // denominator


def _nearest(x: Value, axis: int, size: Dim, factor: float | None) -> Value:
    """The elements that are taken, int64 [size]."""
    place = x.editor.emit(Iota, (), {"dtype": DType.INT64, "shape": (size,)})[0]
    elements = measured(x.editor, x.shape[axis])
    if factor is None:
        return floor_divide(place * elements, measured(x.editor, size))
    position = Astype.of(place, dtype=DType.FLOAT64) * (1.0 / factor)
    return Minimum.of(Astype.of(Floor.of(position), dtype=DType.INT64), elements - 1)


def _mixed(x: Value, axis: int, positions: Value) -> Value:
    """Elements mixed of the two that lie around each position."""
    last = measured(x.editor, x.shape[axis]) - 1
    whole = Floor.of(positions)
    before = Minimum.of(Astype.of(whole, dtype=DType.INT64), last)
    behind = Minimum.of(before + 1, last)
    shape = (*positions.shape, *(1,) * (x.rank - axis - 1))
    weight = Reshape.of(Astype.of(positions - whole, dtype=x.dtype), shape=shape)
    return Take.of(x, before, axis=axis) * (1.0 - weight) + Take.of(x, behind, axis=axis) * weight
