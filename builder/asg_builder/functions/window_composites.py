"""Pooling to a given size, what undoes pooling, transposed convolution and resampling, as the ops have them."""

from collections.abc import Sequence
from typing import Literal, get_args

from asg_builder.arguments import DimLike, ShapeLike, as_dim, as_shape
from asg_builder.functions.window import pairs_of, steps_of
from asg_builder.tensor import Tensor, apply
from asg_schema.composites.window_adaptive import AdaptiveAvgPool, AdaptiveMaxPool, GlobalAvgPool, GlobalMaxPool
from asg_schema.composites.window_convolution import ConvTranspose
from asg_schema.composites.window_interpolation import Interpolate
from asg_schema.composites.window_unpooling import MaxUnpool
from asg_schema.errors import AsgError

__all__ = [
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "conv_transpose",
    "global_avg_pool",
    "global_max_pool",
    "interpolate",
    "max_unpool",
]

_Mode = Literal["nearest", "linear", "bilinear", "trilinear"]
_LINEAR = {"bilinear": 2, "trilinear": 3}


def adaptive_avg_pool(x: Tensor, /, output_size: Sequence[int]) -> Tensor:
    """The arithmetic means of windows over the last axes of x that yield `output_size` places.

    The window at place i of m holds the elements from floor(i · n / m) to ceil((i + 1) · n / m) of n.
    """
    return apply(AdaptiveAvgPool, x, output_size=tuple(output_size))


def adaptive_max_pool(x: Tensor, /, output_size: Sequence[int]) -> Tensor:
    """The largest elements of windows over the last axes of x that yield `output_size` places.

    The window at place i of m holds the elements from floor(i · n / m) to ceil((i + 1) · n / m) of n.
    """
    return apply(AdaptiveMaxPool, x, output_size=tuple(output_size))


def global_avg_pool(x: Tensor, /) -> Tensor:
    """The arithmetic mean over all spatial axes of x [N, C, *spatial], which stay with size 1."""
    return apply(GlobalAvgPool, x)


def global_max_pool(x: Tensor, /) -> Tensor:
    """The largest element over all spatial axes of x [N, C, *spatial], which stay with size 1."""
    return apply(GlobalMaxPool, x)


def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    strides: Sequence[int] | None = None,
    padding: Sequence[Sequence[int]] | None = None,
    output_padding: Sequence[int] | None = None,
    groups: int = 1,
    dilation: Sequence[int] | None = None,
) -> Tensor:
    """Transposed convolution: each element of x adds its multiple of the kernel to the result.

    Args:
        x: [N, C, *spatial], of a floating-point dtype.
        weight: [C, O / groups, *kernel].
        bias: [O]; None is none.
        strides: how far apart neighbours place the kernel.
        padding: what is cut off before and behind each axis of the result.
        output_padding: what is added behind each axis of the result.
        groups: into how many groups the channels fall.
        dilation: how far the positions of the kernel lie apart.

    Returns:
        [N, O, *sizes], each size (n - 1) · stride - low - high + (K - 1) · dilation + output_padding + 1.
    """
    return apply(
        ConvTranspose,
        x,
        weight,
        bias,
        strides=steps_of(strides),
        padding=pairs_of(padding),
        output_padding=steps_of(output_padding),
        groups=groups,
        dilation=steps_of(dilation),
    )


def interpolate(
    x: Tensor,
    /,
    size: DimLike | Sequence[DimLike] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: _Mode = "nearest",
    align_corners: bool = False,
) -> Tensor:
    """The spatial axes of x resampled to another size, as `torch.nn.functional.interpolate` does it.

    Args:
        x: [N, C, *spatial], of a floating-point dtype; with a list for `size` or `scale_factor`, the last axes.
        size: the new size of each axis, or one for all spatial axes.
        scale_factor: in place of `size`, the factor of each axis's size, or one for all spatial axes.
        mode: "nearest", or "linear", which over two axes is also called "bilinear" and over three "trilinear".
        align_corners: whether with "linear" the first and the last elements keep their places.

    Raises:
        AsgError: there is no such mode over as many axes.
        DocumentError: both or neither of `size` and `scale_factor` are given, or they do not fit.
    """
    if mode not in get_args(_Mode):
        raise AsgError(f'interpolate: mode is "{mode}"; one of {", ".join(get_args(_Mode))} is needed')
    sizes = scales = None
    if size is not None:
        listed = size if isinstance(size, Sequence) and not isinstance(size, str) else (size,) * max(1, x.ndim - 2)
        sizes = tuple(map(as_dim, listed))
    if scale_factor is not None:
        given = scale_factor if isinstance(scale_factor, Sequence) else (scale_factor,) * max(1, x.ndim - 2)
        scales = tuple(map(float, given))
    axes = len(sizes or scales or ())
    if mode in _LINEAR and axes != _LINEAR[mode]:
        raise AsgError(f'interpolate: mode "{mode}" is for {_LINEAR[mode]} axes, not {axes}; "linear" is for any')
    kind = "nearest" if mode == "nearest" else "linear"
    return apply(Interpolate, x, size=sizes, scale_factor=scales, mode=kind, align_corners=align_corners)


def max_unpool(x: Tensor, indices: Tensor, /, output_size: ShapeLike) -> Tensor:
    """Zeros with the elements of x where `max_pool` found them; what has one place is added up.

    Args:
        x: of any number dtype, for each window a value.
        indices: the shape of x, int32 or int64: places in the last axes of the result made one, as `max_pool` has them.
        output_size: the sizes of the last axes of the result.
    """
    return apply(MaxUnpool, x, indices, output_size=as_shape(output_size))
