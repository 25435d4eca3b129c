"""Padding of the spatial axes with elements of the tensor itself, as convolutions offer it."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from asg_builder.functions.layout import concat, slice
from asg_builder.functions.layout_composites import pad_edge, pad_reflect
from asg_builder.tensor import Tensor
from asg_schema.dims import Dim

__all__ = ["PaddingMode", "pad_spatial"]

PaddingMode: TypeAlias = Literal["zeros", "reflect", "replicate", "circular"]


def pad_spatial(
    x: Tensor, pairs: Sequence[tuple[int, int]], mode: Literal["reflect", "replicate", "circular"]
) -> Tensor:
    """X with elements put before and behind its last axes, as `torch.nn.functional.pad` does.

    Args:
        x: the tensor.
        pairs: how many before and how many behind, for each of the last axes.
        mode: what they are: the elements mirrored at the outermost ones, those themselves, or those at the other end.
    """
    first = x.ndim - len(pairs)
    if mode == "circular":
        for axis, (low, high) in enumerate(pairs, first):
            x = _wrapped(x, axis, low, high)
        return x
    lows = (*[0] * first, *(low for low, _ in pairs))
    highs = (*[0] * first, *(high for _, high in pairs))
    return pad_reflect(x, lows, highs) if mode == "reflect" else pad_edge(x, lows, highs)


def _wrapped(x: Tensor, axis: int, low: int, high: int) -> Tensor:
    size = x.shape[axis]
    parts = [_part(x, axis, size - low, size)] if low else []
    parts.append(x)
    if high:
        parts.append(_part(x, axis, 0, high))
    return concat(parts, axis=axis)


def _part(x: Tensor, axis: int, start: Dim, stop: Dim) -> Tensor:
    starts = [start if at == axis else 0 for at in range(x.ndim)]
    stops = [stop if at == axis else size for at, size in enumerate(x.shape)]
    return slice(x, starts, stops)
