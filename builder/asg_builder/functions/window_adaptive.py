"""Adaptive pooling with the names, the arguments and the conventions of `torch.nn.functional`.

`input` is [N, C, *spatial] or [C, *spatial].
"""

from collections.abc import Sequence
from operator import index
from typing import Any, Literal, TypeAlias, cast, overload

from asg_builder.functions.creation import iota
from asg_builder.functions.indexing import take_along_axis
from asg_builder.functions.layout import broadcast_to, reshape, squeeze
from asg_builder.functions.reduction import argmax
from asg_builder.tensor import Tensor, apply
from asg_schema.composites.window_adaptive import AdaptiveAvgPool, AdaptiveMaxPool, adaptive_windows
from asg_schema.dims import element_count
from asg_schema.errors import AsgError

__all__ = [
    "OutputSize",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "output_sizes",
]

OutputSize: TypeAlias = int | Sequence[int | None]
"""One size for all spatial axes of a result, or one for each; None keeps that of the input."""


def output_sizes(function: str, given: OutputSize, count: int) -> tuple[int | None, ...]:
    """One size for each of `count` axes.

    Raises:
        AsgError: there is another number of them, one is below 1, or no integer.
    """
    wanted = f"{function}: output_size is {given!r}; "
    entries: Any = given
    try:
        sizes = (index(entries),) * count
    except TypeError:
        try:
            sizes = tuple(None if size is None else index(size) for size in cast("Sequence[Any]", given))
        except TypeError:
            raise AsgError(f"{wanted}an integer, or one for each axis, is needed") from None
    if len(sizes) != count:
        raise AsgError(f"{function}: output_size has {len(sizes)} entries; {count} are needed, one for each axis")
    if any(size is not None and size < 1 for size in sizes):
        raise AsgError(f"{wanted}at least 1 is needed")
    return sizes


def adaptive_avg_pool1d(input: Tensor, output_size: OutputSize) -> Tensor:
    """The arithmetic means of windows over one spatial axis; see `adaptive_avg_pool2d`."""
    sizes = _known_sizes("adaptive_avg_pool1d", 1, input, output_size)
    return apply(AdaptiveAvgPool, input, output_size=sizes)


def adaptive_avg_pool2d(input: Tensor, output_size: OutputSize) -> Tensor:
    """The arithmetic means of windows over two spatial axes that yield `output_size` places.

    Args:
        input: [N, C, *spatial] or [C, *spatial].
        output_size: the size of each spatial axis of the result, or one for all; None keeps that of the input, which
            must be known.

    Raises:
        AsgError: a wrong number of entries, one below 1, or None for a symbolic axis.
        DocumentError: a spatial axis is empty.
    """
    sizes = _known_sizes("adaptive_avg_pool2d", 2, input, output_size)
    return apply(AdaptiveAvgPool, input, output_size=sizes)


def adaptive_avg_pool3d(input: Tensor, output_size: OutputSize) -> Tensor:
    """The arithmetic means of windows over three spatial axes; see `adaptive_avg_pool2d`."""
    sizes = _known_sizes("adaptive_avg_pool3d", 3, input, output_size)
    return apply(AdaptiveAvgPool, input, output_size=sizes)


@overload
def adaptive_max_pool1d(input: Tensor, output_size: OutputSize, return_indices: Literal[False] = False) -> Tensor: ...


@overload
def adaptive_max_pool1d(
    input: Tensor, output_size: OutputSize, return_indices: Literal[True]
) -> tuple[Tensor, Tensor]: ...


def adaptive_max_pool1d(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest elements of windows over one spatial axis; see `adaptive_max_pool2d`."""
    return _max_pool("adaptive_max_pool1d", 1, input, output_size, return_indices)


@overload
def adaptive_max_pool2d(input: Tensor, output_size: OutputSize, return_indices: Literal[False] = False) -> Tensor: ...


@overload
def adaptive_max_pool2d(
    input: Tensor, output_size: OutputSize, return_indices: Literal[True]
) -> tuple[Tensor, Tensor]: ...


def adaptive_max_pool2d(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest elements of windows over two spatial axes that yield `output_size` places.

    Args:
        input: [N, C, *spatial] or [C, *spatial].
        output_size: the size of each spatial axis of the result, or one for all; None keeps that of the input, which
            must be known.
        return_indices: whether to return, too, where the elements stand in the spatial axes made one, int64; the first
            of equal ones, or the first NaN.

    Raises:
        AsgError: a wrong number of entries, one below 1, or None for a symbolic axis.
        DocumentError: a spatial axis is empty.
    """
    return _max_pool("adaptive_max_pool2d", 2, input, output_size, return_indices)


@overload
def adaptive_max_pool3d(input: Tensor, output_size: OutputSize, return_indices: Literal[False] = False) -> Tensor: ...


@overload
def adaptive_max_pool3d(
    input: Tensor, output_size: OutputSize, return_indices: Literal[True]
) -> tuple[Tensor, Tensor]: ...


def adaptive_max_pool3d(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest elements of windows over three spatial axes; see `adaptive_max_pool2d`."""
    return _max_pool("adaptive_max_pool3d", 3, input, output_size, return_indices)


def _max_pool(
    function: str, spatial: int, input: Tensor, output_size: OutputSize, return_indices: bool
) -> Tensor | tuple[Tensor, Tensor]:
    sizes = _known_sizes(function, spatial, input, output_size)
    values = apply(AdaptiveMaxPool, input, output_size=sizes)
    if not return_indices:
        return values
    dims = input.shape[-spatial:]
    windows = cast("Tensor", adaptive_windows(input, sizes))
    places = cast("Tensor", adaptive_windows(reshape(iota((element_count(dims),), "int64", 0), dims), sizes))
    first = argmax(windows, -1, keepdims=True)
    return values, squeeze(take_along_axis(broadcast_to(places, windows.shape), first, axis=-1), -1)


def _known_sizes(function: str, spatial: int, input: Tensor, output_size: OutputSize) -> tuple[int, ...]:
    if input.ndim not in (spatial + 1, spatial + 2):
        raise AsgError(f"{function}: input {input} has {input.ndim} axes; {spatial + 1} or {spatial + 2} are needed")
    sizes: list[int] = []
    for size, dim in zip(output_sizes(function, output_size, spatial), input.shape[-spatial:], strict=True):
        kept = dim if size is None else size
        if not isinstance(kept, int):
            raise AsgError(f"{function}: output_size is None for an axis of size {dim}; a number is needed there")
        sizes.append(kept)
    return tuple(sizes)
