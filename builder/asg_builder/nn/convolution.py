"""`Conv1d` to `Conv3d`: convolution over one to three axes."""

import math
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, TypeAlias

from typing_extensions import override

from asg_builder.arguments import DTypeLike
from asg_builder.functions.window_arguments import Sizes, sizes_of
from asg_builder.functions.window_convolution import conv1d, conv2d, conv3d
from asg_builder.nn.module import Module
from asg_builder.nn.parameter import Parameter
from asg_builder.nn.spatial_padding import PaddingMode, pad_spatial
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError
from asg_schema.initializers import KaimingUniform, Uniform

__all__ = ["Conv1d", "Conv2d", "Conv3d"]

Padding: TypeAlias = Sizes | Literal["same", "valid"]


class _Conv(Module):
    """Convolution over the axes that a subclass names; see `Conv2d`."""

    spatial: ClassVar[int] = 0
    """The number of axes that the window moves along."""
    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: PaddingMode = "zeros",
        *,
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        own = type(self).__name__
        check_channels(own, in_channels, out_channels, groups)
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise AsgError(
                f'{own}: there is no padding_mode "{padding_mode}"; known are zeros, reflect, replicate and circular'
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = window_sizes(own, "kernel_size", kernel_size, self.spatial, least=1)
        self.stride = window_sizes(own, "stride", stride, self.spatial, least=1)
        self.dilation = window_sizes(own, "dilation", dilation, self.spatial, least=1)
        self.padding: tuple[int, ...] | str = self._checked_padding(padding)
        self.groups = groups
        self.padding_mode: PaddingMode = padding_mode
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight, self.bias = convolution_parameters(shape, out_channels if bias else None, dtype)

    def _checked_padding(self, padding: Padding) -> tuple[int, ...] | str:
        own = type(self).__name__
        if not isinstance(padding, str):
            return window_sizes(own, "padding", padding, self.spatial, least=0)
        if padding not in ("same", "valid"):
            raise AsgError(f'{own}: padding is "{padding}"; a number for each axis, "same" or "valid" is needed')
        if padding == "same" and any(step != 1 for step in self.stride):
            raise AsgError(f'{own}: padding "same" needs a stride of 1, not {list(self.stride)}')
        return padding

    def _pairs(self) -> tuple[tuple[int, int], ...]:
        """What is put before and behind each axis."""
        if self.padding == "valid":
            return ((0, 0),) * self.spatial
        if isinstance(self.padding, tuple):
            return tuple((size, size) for size in self.padding)
        totals = [step * (size - 1) for size, step in zip(self.kernel_size, self.dilation, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[N, in_channels, *spatial] to [N, out_channels, *places]; or both without N.

        Raises:
            AsgError: x has another number of axes or channels.
        """
        if x.ndim not in (self.spatial + 1, self.spatial + 2) or x.shape[-self.spatial - 1] != self.in_channels:
            raise wrong_input(self, x, self.in_channels, self.spatial)
        padding: object = self.padding
        if self.padding_mode != "zeros":
            x, padding = pad_spatial(x, self._pairs(), self.padding_mode), 0
        bias = self.bias.value if self.bias else None
        return type(self).function(x, self.weight.value, bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_Conv):
    """`Conv2d` over one axis, of [N, C, L] or [C, L], as `torch.nn.Conv1d`."""

    spatial: ClassVar[int] = 1
    function: ClassVar[Callable[..., Tensor]] = staticmethod(conv1d)


class Conv2d(_Conv):
    """Convolution, written as cross-correlation, of [N, C, H, W] or [C, H, W], as `torch.nn.Conv2d`.

    Parameters: `weight` [out_channels, in_channels / groups, *kernel_size] and `bias` [out_channels], both uniform in
    ±1/√(in_channels / groups · positions of the kernel) at first.

    Sizes are one number for all axes or one for each.

    Args:
        in_channels: the number of channels of the input; a multiple of `groups`.
        out_channels: that of the result; a multiple of `groups`.
        kernel_size: how many positions the window has.
        stride: how far the window moves.
        padding: how much is put on both sides of each axis; "valid" is nothing, "same" what keeps the size, which needs
            a stride of 1.
        dilation: how far the positions of the window lie apart.
        groups: into how many groups the channels fall, each of which is convolved by itself.
        bias: whether there is one.
        padding_mode: what is put there: "zeros", "reflect" (the elements mirrored at the outermost ones), "replicate"
            (the outermost elements) or "circular" (the elements at the other end).
        dtype: the dtype of the parameters, and of the input.
        name: the name, if it is a root module.

    Raises:
        AsgError: a size is too small or there are too many, `groups` does not divide the channels, or "same" comes with
            another stride.
    """

    spatial: ClassVar[int] = 2
    function: ClassVar[Callable[..., Tensor]] = staticmethod(conv2d)


class Conv3d(_Conv):
    """`Conv2d` over three axes, of [N, C, D, H, W] or [C, D, H, W], as `torch.nn.Conv3d`."""

    spatial: ClassVar[int] = 3
    function: ClassVar[Callable[..., Tensor]] = staticmethod(conv3d)


def check_channels(owner: str, in_channels: int, out_channels: int, groups: int) -> None:
    """Refuse channels that do not fall into groups.

    Raises:
        AsgError: a number is below 1, or `groups` does not divide both numbers of channels.
    """
    if min(in_channels, out_channels, groups) < 1:
        raise AsgError(f"{owner}({in_channels}, {out_channels}, groups={groups}): at least 1 of each is needed")
    if in_channels % groups or out_channels % groups:
        raise AsgError(
            f"{owner}: groups {groups} does not divide in_channels {in_channels} and out_channels {out_channels}"
        )


def window_sizes(owner: str, name: str, given: Sizes, count: int, *, least: int) -> tuple[int, ...]:
    """One number for each of `count` axes, none below `least`.

    Raises:
        AsgError: there is another number of them, or one is too small.
    """
    sizes = sizes_of(owner, name, given, count)
    if any(size < least for size in sizes):
        raise AsgError(f"{owner}: {name} is {list(sizes)}; at least {least} is needed")
    return sizes


def convolution_parameters(
    shape: Sequence[int], biases: int | None, dtype: DTypeLike
) -> tuple[Parameter, Parameter | None]:
    """The weight of this shape and the bias of a convolution, with PyTorch's first values."""
    weight = Parameter(tuple(shape), init=KaimingUniform(a=math.sqrt(5)), dtype=dtype)
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    bias = None if biases is None else Parameter((biases,), init=Uniform(low=-bound, high=bound), dtype=dtype)
    return weight, bias


def wrong_input(owner: Module, x: Tensor, channels: int, spatial: int) -> AsgError:
    """What is wrong with an input of other axes or channels than a layer has."""
    axes = {1: "L", 2: "H, W", 3: "D, H, W"}[spatial]
    return AsgError(
        f"{type(owner).__name__}: x is {x}; the shape [N, {channels}, {axes}] or [{channels}, {axes}] is needed"
    )
