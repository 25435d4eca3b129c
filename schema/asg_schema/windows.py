"""The arithmetic of windows that slide over axes: what convolution and pooling share.

Along one axis a window of k positions, d apart, reaches over (k - 1) · d + 1 elements. Over an axis of n elements, with
`low` of padding before it and `high` behind it, it stands at (low + n + high - reach) // stride + 1 places.
"""

from collections.abc import Sequence
from typing import Annotated, TypeAlias

from pydantic import Field

from asg_schema.dims import Dim
from asg_schema.errors import RuleError
from asg_schema.tensor_type import MOST_AXES

__all__ = [
    "Padding",
    "Steps",
    "Window",
    "check_count",
    "check_meets_operand",
    "check_pooling",
    "dilated",
    "pooled_shape",
    "steps_of",
    "window_places",
]

_Step: TypeAlias = Annotated[int, Field(strict=True, ge=1, lt=2**63)]
_Amount: TypeAlias = Annotated[int, Field(strict=True, gt=-(2**63), lt=2**63)]

Steps: TypeAlias = Annotated[tuple[_Step, ...], Field(max_length=MOST_AXES, fail_fast=True)]
"""A stride, a dilation or a size of a window along each axis that it slides over."""

Padding: TypeAlias = Annotated[tuple[tuple[_Amount, _Amount], ...], Field(max_length=MOST_AXES, fail_fast=True)]
"""For each axis how many elements go before and behind; negative ones remove elements."""


class Window:
    """A window's attributes along each axis, defaults filled in.

    Args:
        size: how many positions the window has along each axis.
        strides: how far it moves from place to place; None is 1.
        padding: what is put before and behind each axis; None is nothing.
        dilation: how far its positions lie apart; None is 1.

    Raises:
        RuleError: the lists differ in length.
    """

    __slots__ = ("dilation", "padding", "size", "strides")

    def __init__(
        self,
        size: Sequence[Dim],
        strides: Sequence[int] | None,
        padding: Sequence[tuple[int, int]] | None,
        dilation: Sequence[int] | None,
        *,
        names: tuple[str, str, str] = ("strides", "padding", "dilation"),
    ) -> None:
        count = len(size)
        self.size = tuple(size)
        self.strides = steps_of(names[0], strides, count)
        self.padding = tuple(((0, 0),) * count if padding is None else padding)
        self.dilation = steps_of(names[2], dilation, count)
        check_count(names[1], self.padding, count)

    @property
    def reach(self) -> tuple[Dim, ...]:
        """How many elements the window reaches over along each axis."""
        return tuple(dilated(size, step) for size, step in zip(self.size, self.dilation, strict=True))


def steps_of(field: str, given: Sequence[int] | None, count: int) -> tuple[int, ...]:
    """An attribute with one entry for each of `count` axes; None is 1 everywhere.

    Raises:
        RuleError: it has another number of entries.
    """
    result = (1,) * count if given is None else tuple(given)
    check_count(field, result, count)
    return result


def check_count(field: str, given: Sequence[object], count: int) -> None:
    """Refuse an attribute that has another number of entries than the window has axes.

    Raises:
        RuleError: naming the field.
    """
    if len(given) != count:
        raise RuleError(
            f"{field} has {len(given)} entries; {count} are needed, one for each axis of the window", field=field
        )


def dilated(size: Dim, step: int) -> Dim:
    """How many places `size` elements that lie `step` apart reach over: 0 for none; a symbol counts as at least 1."""
    return 0 if size == 0 else (size - 1) * step + 1


def window_places(size: Dim, reach: Dim, stride: int, padding: tuple[int, int], axis: int) -> Dim:
    """At how many places a window stands along an axis.

    Args:
        size: the elements of the axis.
        reach: over how many elements the window reaches.
        stride: how far it moves from place to place.
        padding: what is put before and behind the axis.
        axis: which axis of the first operand that is, for the error.

    Raises:
        RuleError: the window is larger than the padded axis.
    """
    padded = size + padding[0] + padding[1]
    if isinstance(padded, int) and isinstance(reach, int) and padded < reach:
        raise RuleError(
            f"axis {axis} of {{0}} has {padded} elements with padding {list(padding)}, and the window reaches over "
            f"{reach}; at least as many are needed",
            operand=0,
        )
    return (padded - reach) // stride + 1


def check_pooling(shape: tuple[Dim, ...], window: Window) -> int:
    """How many leading axes an operand has before those that the window slides over.

    Raises:
        RuleError: it has fewer axes than the window, or the window has none.
    """
    if not window.size:
        raise RuleError("kernel_size has no entry; at least one is needed", field="kernel_size")
    leading = len(shape) - len(window.size)
    if leading < 0:
        raise RuleError(
            f"kernel_size has {len(window.size)} entries and {{0}} has {len(shape)} axes; at most as many entries are "
            "needed",
            field="kernel_size",
        )
    return leading


def pooled_shape(shape: tuple[Dim, ...], window: Window) -> tuple[Dim, ...]:
    """The shape that a window leaves which slides over the last axes of an operand of this shape.

    Raises:
        RuleError: the window does not fit.
    """
    leading = check_pooling(shape, window)
    steps = zip(shape[leading:], window.reach, window.strides, window.padding, strict=True)
    places = (window_places(*step, axis) for axis, step in enumerate(steps, leading))
    return (*shape[:leading], *places)


def check_meets_operand(shape: tuple[Dim, ...], window: Window) -> None:
    """Refuse a window that may stand at a place where it holds nothing but padding.

    Args:
        shape: the operand's shape; symbolic axes are not looked at.
        window: a window that fits.

    Raises:
        RuleError: naming the axis.
    """
    leading = len(shape) - len(window.size)
    for index, size in enumerate(shape[leading:]):
        (low, high), reach, step = window.padding[index], window.reach[index], window.dilation[index]
        assert isinstance(reach, int)
        padded = f"padding {[low, high]} of axis {leading + index} of {{0}}"
        if low >= reach:
            raise RuleError(f"{padded} holds a whole window of {reach}; less than that is needed", field="padding")
        if not isinstance(size, int):
            continue
        last = window_places(size, reach, window.strides[index], (low, high), leading + index) - 1
        assert isinstance(last, int)
        if last * window.strides[index] - low >= size:
            raise RuleError(f"{padded} holds the whole of the last window; less of it is needed", field="padding")
        if low > 0 and size < step:
            raise RuleError(f"dilation {step} steps over all of axis {leading + index} of {{0}}", field="dilation")
