"""Convolutions with the names, the arguments and the conventions of `torch.nn.functional`.

Sizes are one number for all spatial axes or one for each. `input` is [N, C, *spatial], or [C, *spatial] without a batch
axis, which the result then lacks, too.
"""

from typing import Literal, TypeAlias

from asg_builder.functions.window_arguments import Sizes, check_input, sizes_of
from asg_builder.tensor import Tensor, apply
from asg_schema.composites.window_convolution import ConvTranspose
from asg_schema.errors import AsgError
from asg_schema.ops.layout import Reshape
from asg_schema.ops.window import Conv

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]

_Padding: TypeAlias = Sizes | Literal["same", "valid"]


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: _Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution over one spatial axis; see `conv2d`."""
    return _convolve("conv1d", input, weight, bias, (stride, padding, dilation), groups, 1)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: _Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution, written as cross-correlation, over two spatial axes.

    Args:
        input: [N, C, height, width], or without N.
        weight: [O, C / groups, kernel height, kernel width].
        bias: [O]; None is none.
        stride: how far the window moves.
        padding: zeros on both sides of each axis; "valid" is none; "same" is as many as keep the size, one more behind
            than before where that is odd, and needs a stride of 1.
        dilation: how far the positions of the window lie apart.
        groups: into how many groups the channels fall.

    Returns:
        [N, O, places down, places across], or without N.

    Raises:
        AsgError: "same" with another stride, or an argument with a wrong number of entries.
        DocumentError: the shapes do not fit.
    """
    return _convolve("conv2d", input, weight, bias, (stride, padding, dilation), groups, 2)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: _Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution over three spatial axes; see `conv2d`."""
    return _convolve("conv3d", input, weight, bias, (stride, padding, dilation), groups, 3)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Transposed convolution over one spatial axis; see `conv_transpose2d`."""
    sizes = (stride, padding, output_padding, dilation)
    return _convolve_transposed("conv_transpose1d", input, weight, bias, sizes, groups, 1)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Transposed convolution over two spatial axes: each element of the input adds its multiple of the kernel.

    Args:
        input: [N, C, height, width], or without N.
        weight: [C, O / groups, kernel height, kernel width].
        bias: [O]; None is none.
        stride: how far apart neighbours place the kernel.
        padding: what is cut off on both sides of each axis of the result.
        output_padding: what is added behind each axis of the result; less than the stride or the dilation.
        groups: into how many groups the channels fall.
        dilation: how far the positions of the kernel lie apart.

    Returns:
        [N, O, rows, columns], or without N; along an axis of n elements
        (n - 1) · stride - 2 · padding + (K - 1) · dilation + output_padding + 1.

    Raises:
        AsgError: an argument has a wrong number of entries.
        DocumentError: the shapes do not fit.
    """
    sizes = (stride, padding, output_padding, dilation)
    return _convolve_transposed("conv_transpose2d", input, weight, bias, sizes, groups, 2)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Transposed convolution over three spatial axes; see `conv_transpose2d`."""
    sizes = (stride, padding, output_padding, dilation)
    return _convolve_transposed("conv_transpose3d", input, weight, bias, sizes, groups, 3)


def _convolve(
    function: str,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    window: tuple[Sizes, _Padding, Sizes],
    groups: int,
    spatial: int,
) -> Tensor:
    batched = _batched(function, input, weight, spatial)
    strides = sizes_of(function, "stride", window[0], spatial)
    dilation = sizes_of(function, "dilation", window[2], spatial)
    padding = _pairs(function, window[1], weight, strides, dilation)
    result = apply(
        Conv, batched, weight, strides=strides, padding=padding, rhs_dilation=dilation, feature_groups=groups
    )
    if bias is not None:
        if bias.shape != weight.shape[:1]:
            raise AsgError(f"{function}: bias {bias} has not one number for each of the channels of weight {weight}")
        result = result + apply(Reshape, bias, shape=(*bias.shape, *(1,) * spatial))
    return result if batched is input else apply(Reshape, result, shape=result.shape[1:])


def _batched(function: str, input: Tensor, weight: Tensor, spatial: int) -> Tensor:
    """The input with a batch axis."""
    check_input(function, input, spatial)
    if weight.ndim != spatial + 2:
        raise AsgError(f"{function}: weight {weight} has {weight.ndim} axes; {spatial + 2} are needed")
    return input if input.ndim == spatial + 2 else apply(Reshape, input, shape=(1, *input.shape))


def _convolve_transposed(
    function: str,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    sizes: tuple[Sizes, Sizes, Sizes, Sizes],
    groups: int,
    spatial: int,
) -> Tensor:
    batched = _batched(function, input, weight, spatial)
    names = ("stride", "padding", "output_padding", "dilation")
    strides, around, beyond, dilation = (
        sizes_of(function, name, given, spatial) for name, given in zip(names, sizes, strict=True)
    )
    result = apply(
        ConvTranspose,
        batched,
        weight,
        bias,
        strides=strides,
        padding=tuple((size, size) for size in around),
        output_padding=beyond,
        groups=groups,
        dilation=dilation,
    )
    return result if batched is input else apply(Reshape, result, shape=result.shape[1:])


def _pairs(
    function: str, padding: _Padding, weight: Tensor, strides: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    if padding == "valid":
        return ((0, 0),) * len(strides)
    if padding != "same":
        if isinstance(padding, str):
            raise AsgError(f'{function}: padding is "{padding}"; a number for each axis, "same" or "valid" is needed')
        return tuple((size, size) for size in sizes_of(function, "padding", padding, len(strides)))
    if any(stride != 1 for stride in strides):
        raise AsgError(f'{function}: padding "same" needs a stride of 1, not {list(strides)}')
    pairs: list[tuple[int, int]] = []
    for size, step in zip(weight.shape[2:], dilation, strict=True):
        if not isinstance(size, int):
            raise AsgError(f'{function}: padding "same" needs a kernel of known size; {weight} has the size {size}')
        total = (size - 1) * step
        pairs.append((total // 2, total - total // 2))
    return tuple(pairs)
