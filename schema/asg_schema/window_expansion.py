"""Pieces that the expansions and the gradient rules of windows share."""

from collections.abc import Sequence
from typing import Any

from asg_schema.dims import Dim
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.ops.creation import DimSize
from asg_schema.ops.elementwise import Astype, Divide, Remainder
from asg_schema.ops.layout import Flip, Pad, PermuteDims, Reshape
from asg_schema.ops.window import Conv

__all__ = ["exchange", "floor_divide", "measured", "reversed_kernel", "spread", "spread_conv"]


def spread(x: Value, padding: Sequence[tuple[Dim, Dim]], steps: Sequence[int]) -> Value:
    """Moves the elements of x `steps` apart along the last axes, zeros between them, and then pads with zeros."""
    none = (0,) * (x.rank - len(padding))
    low, high = zip(*padding, strict=True)
    interior = (*none, *(step - 1 for step in steps))
    return Pad.of(x, low=(*none, *low), high=(*none, *high), interior=interior)


def spread_conv(
    x: Value, kernel: Value, padding: Sequence[tuple[Dim, Dim]], steps: Sequence[int], **attributes: Any
) -> Value:
    """A convolution of x with its elements `steps` apart, whose padding may depend on symbols."""
    known = [(low, high) for low, high in padding if isinstance(low, int) and isinstance(high, int)]
    if len(known) == len(padding):
        apart = tuple(steps) if any(step != 1 for step in steps) else None
        return Conv.of(x, kernel, padding=known, lhs_dilation=apart, **attributes)
    return Conv.of(spread(x, padding, steps), kernel, **attributes)


def exchange(x: Value) -> Value:
    """The first two axes exchanged."""
    return PermuteDims.of(x, axes=(1, 0, *range(2, x.rank)))


def reversed_kernel(weight: Value, groups: int) -> Value:
    """Of a weight [groups · a, b, *kernel] the kernel reversed and each group's axes exchanged: [groups · b, a, …]."""
    turned = Flip.of(weight, axis=tuple(range(2, weight.rank)))
    if groups == 1:
        return exchange(turned)
    outputs, inputs, *kernel = weight.shape
    split = Reshape.of(turned, shape=(groups, outputs // groups, inputs, *kernel))
    exchanged = PermuteDims.of(split, axes=(0, 2, 1, *range(3, split.rank)))
    return Reshape.of(exchanged, shape=(inputs * groups, outputs // groups, *kernel))


def measured(editor: "Editor[Any]", dim: Dim) -> Value:
    """A dim as an int64 of rank 0."""
    if isinstance(dim, int):
        return editor.full((), dim, DType.INT64)
    return DimSize.of(editor.full((dim,), False, DType.BOOL), axis=0)


def floor_divide(numerator: Value, denominator: Value) -> Value:
    """The quotient of int64 numbers below 2⁵³, rounded down; the denominator is at least 1.

    The remainder is taken off first, so that the division in float64 is exact.
    """
    whole = numerator - Remainder.of(numerator, denominator)
    quotient = Divide.of(Astype.of(whole, dtype=DType.FLOAT64), Astype.of(denominator, dtype=DType.FLOAT64))
    return Astype.of(quotient, dtype=DType.INT64)
