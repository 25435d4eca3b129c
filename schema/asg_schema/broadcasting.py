"""Broadcasting of shapes as NumPy defines it, extended to symbolic dims.

A symbol broadcasts with itself and with 1, and is never assumed to be 1. See
https://numpy.org/doc/stable/user/basics.broadcasting.html.
"""

from collections.abc import Sequence

from asg_schema.dims import Dim
from asg_schema.errors import RuleError

__all__ = ["broadcast_shapes", "expanded_axes"]


def broadcast_shapes(shapes: Sequence[tuple[Dim, ...]], first_operand: int = 0) -> tuple[Dim, ...]:
    """The shape to which all of `shapes` broadcast.

    Args:
        shapes: at least one shape.
        first_operand: the operand index of `shapes[0]`, for the error.

    Raises:
        RuleError: two dims of an axis differ and neither is 1.
    """
    result = shapes[0]
    for index in range(1, len(shapes)):
        shape = shapes[index]
        if shape != result:
            result = _broadcast_pair(result, shape, first_operand, first_operand + index)
    return result


def _broadcast_pair(a: tuple[Dim, ...], b: tuple[Dim, ...], a_operand: int, b_operand: int) -> tuple[Dim, ...]:
    rank = max(len(a), len(b))
    padded_a, padded_b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    dims: list[Dim] = []
    for axis, (x, y) in enumerate(zip(padded_a, padded_b, strict=True)):
        if x == y or y == 1:
            dims.append(x)
        elif x == 1:
            dims.append(y)
        else:
            where = "last axis" if axis == rank - 1 else f"axis {axis - rank}"
            raise RuleError(
                f"{{{b_operand}}} does not broadcast with {{{a_operand}}}: {where} {y} against {x}; "
                f"{_needed(x)} is needed there",
                operand=b_operand,
            )
    return tuple(dims)


def _needed(dim: Dim) -> str:
    return f"{dim} or 1" if dim != 1 else "1"


def expanded_axes(source: tuple[Dim, ...], target: tuple[Dim, ...]) -> tuple[int, ...]:
    """The axes of `target` along which an array of shape `source` is repeated when it broadcasts to `target`."""
    added = len(target) - len(source)
    return tuple(
        axis for axis in range(len(target)) if axis < added or (source[axis - added] == 1 and target[axis] != 1)
    )
