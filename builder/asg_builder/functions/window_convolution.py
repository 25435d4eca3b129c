"""Convolutions with the names, the arguments and the conventions of `torch.nn.functional`.

Sizes are one number for all spatial axes or one for each. `input` is [N, C, *spatial], or [C, *spatial] without a batch
axis, which the result then lacks, too.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from asg_builder.tensor import Tensor, apply
from asg_schema.errors import AsgError
from asg_schema.ops.layout import Reshape
from asg_schema.ops.window import Conv

__all__ = ["Sizes", "conv1d", "conv2d", "conv3d", "sizes_of"]

Sizes: TypeAlias = int | Sequence[int]
"""One number for all spatial axes, or one for each."""

_Padding: TypeAlias = Sizes | Literal["same", "valid"]


def sizes_of(function: str, name: str, given: Sizes, count: int) -> tuple[int, ...]:
    """An argument with one number for each of `count` axes.

    Raises:
        AsgError: it has another number of entries.
    """
    sizes = (given,) * count if isinstance(given, int) else tuple(given)
    if len(sizes) == 1:
        sizes *= count
    if len(sizes) != count:
        raise AsgError(f"{function}: {name} has {len(sizes)} entries; 1 or {count} are needed, one for each axis")
    return sizes


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


def _convolve(
    function: str,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    window: tuple[Sizes, _Padding, Sizes],
    groups: int,
    spatial: int,
) -> Tensor:
    if input.ndim not in (spatial + 1, spatial + 2):
        raise AsgError(f"{function}: input {input} has {input.ndim} axes; {spatial + 1} or {spatial + 2} are needed")
    if weight.ndim != spatial + 2:
        raise AsgError(f"{function}: weight {weight} has {weight.ndim} axes; {spatial + 2} are needed")
    strides = sizes_of(function, "stride", window[0], spatial)
    dilation = sizes_of(function, "dilation", window[2], spatial)
    padding = _pairs(function, window[1], weight, strides, dilation)
    batched = input if input.ndim == spatial + 2 else apply(Reshape, input, shape=(1, *input.shape))
    result = apply(
        Conv, batched, weight, strides=strides, padding=padding, rhs_dilation=dilation, feature_groups=groups
    )
    if bias is not None:
        result = result + apply(Reshape, bias, shape=(*bias.shape, *(1,) * spatial))
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
