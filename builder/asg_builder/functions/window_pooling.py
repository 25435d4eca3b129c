"""Pooling with the names, the arguments and the conventions of `torch.nn.functional`.

Sizes are one number for all spatial axes or one for each. `input` is [N, C, *spatial] or [C, *spatial]; a stride that
is left out is the kernel's size.
"""

from typing import Literal, overload

from asg_builder.functions.window_arguments import PoolingWindow, Sizes
from asg_builder.tensor import Tensor, apply, apply_all
from asg_schema.composites.window import AvgPool
from asg_schema.errors import AsgError
from asg_schema.ops.layout import Pad
from asg_schema.ops.window import MaxPool, WindowSum

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
]


@overload
def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> Tensor: ...


@overload
def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
) -> tuple[Tensor, Tensor]: ...


@overload
def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
    return_indices: bool,
) -> Tensor | tuple[Tensor, Tensor]: ...


def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest element of each window over one spatial axis; see `max_pool2d`."""
    window = PoolingWindow("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool(input, window, return_indices)


@overload
def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> Tensor: ...


@overload
def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
) -> tuple[Tensor, Tensor]: ...


@overload
def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
    return_indices: bool,
) -> Tensor | tuple[Tensor, Tensor]: ...


def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest element of each window over two spatial axes; NaN where a window holds one.

    Args:
        input: [N, C, *spatial] or [C, *spatial], of any number dtype.
        kernel_size: how many positions the window has.
        stride: how far it moves; None is `kernel_size`.
        padding: how much goes on both sides; it is never the largest, and at most half the kernel's size.
        dilation: how far the positions of the window lie apart.
        ceil_mode: whether a window that only begins within the input or the padding before it counts, too.
        return_indices: whether to return, too, where the elements stand in the spatial axes made one, int64.

    Raises:
        AsgError: an argument with a wrong number of entries, or padding of more than half the kernel.
        DocumentError: the window does not fit.
    """
    window = PoolingWindow("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool(input, window, return_indices)


@overload
def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> Tensor: ...


@overload
def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
) -> tuple[Tensor, Tensor]: ...


@overload
def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
    return_indices: bool,
) -> Tensor | tuple[Tensor, Tensor]: ...


def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest element of each window over three spatial axes; see `max_pool2d`."""
    window = PoolingWindow("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool(input, window, return_indices)


def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The arithmetic mean of each window over one spatial axis; see `avg_pool2d`."""
    window = PoolingWindow("avg_pool1d", 1, input, kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool(input, window, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The arithmetic mean of each window over two spatial axes.

    Args:
        input: [N, C, *spatial] or [C, *spatial], of a floating-point dtype.
        kernel_size: how many positions the window has.
        stride: how far it moves; None is `kernel_size`.
        padding: how many zeros go on both sides; at most half the kernel's size.
        ceil_mode: whether a window that only begins within the input or the padding before it counts, too. What lies
            behind the padding is never counted.
        count_include_pad: whether padding counts as elements of a window.
        divisor_override: by what the sums are divided; None is the number of elements.

    Raises:
        AsgError: an argument with a wrong number of entries, padding of more than half the kernel, or a divisor of 0.
        DocumentError: the window does not fit.
    """
    window = PoolingWindow("avg_pool2d", 2, input, kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool(input, window, count_include_pad, divisor_override)


def avg_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The arithmetic mean of each window over three spatial axes; see `avg_pool2d`."""
    window = PoolingWindow("avg_pool3d", 3, input, kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool(input, window, count_include_pad, divisor_override)


def _max_pool(input: Tensor, window: PoolingWindow, return_indices: bool) -> Tensor | tuple[Tensor, Tensor]:
    values, indices = apply_all(
        MaxPool,
        input,
        kernel_size=window.kernel_size,
        strides=window.strides,
        padding=window.padding,
        dilation=window.dilation,
    )
    return (values, indices) if return_indices else values


def _avg_pool(input: Tensor, window: PoolingWindow, count_include_pad: bool, divisor_override: int | None) -> Tensor:
    if divisor_override == 0:
        raise AsgError(f"{window.function}: divisor_override is 0; another number is needed")
    if divisor_override is not None:
        total = apply(WindowSum, input, kernel_size=window.kernel_size, strides=window.strides, padding=window.padding)
        return total / float(divisor_override)
    padding = window.padding
    if count_include_pad and any(window.beyond):
        # The padding counts, and what lies behind it does not: the former becomes part of the operand.
        none = (0,) * (input.ndim - len(window.around))
        input = apply(Pad, input, low=(*none, *window.around), high=(*none, *window.around))
        padding, count_include_pad = tuple((0, beyond) for beyond in window.beyond), False
    return apply(
        AvgPool,
        input,
        kernel_size=window.kernel_size,
        strides=window.strides,
        padding=padding,
        count_include_pad=count_include_pad,
    )
