"""`AvgPool1d` to `AvgPool3d`: the mean of each window."""

from collections.abc import Callable
from typing import ClassVar

from typing_extensions import override

from asg_builder.functions.window_arguments import Sizes, sizes_of
from asg_builder.functions.window_pooling import avg_pool1d, avg_pool2d, avg_pool3d
from asg_builder.nn.module import Module
from asg_builder.tensor import Tensor

__all__ = ["AvgPool1d", "AvgPool2d", "AvgPool3d"]


class AvgPool1d(Module):
    """`AvgPool2d` over one axis, of [N, C, L] or [C, L], as `torch.nn.AvgPool1d`; it has no `divisor_override`.

    Args:
        kernel_size: how many positions the window has.
        stride: how far it moves; None is `kernel_size`.
        padding: how many zeros are put on both sides, at most half the kernel.
        ceil_mode: whether a window counts that only begins within the input or the padding before it.
        count_include_pad: whether the padding counts as elements of a window.
        name: the name, if it is a root module.

    Raises:
        AsgError: a size has a wrong number of entries.
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.kernel_size = sizes_of("AvgPool1d", "kernel_size", kernel_size, 1)
        self.stride = sizes_of("AvgPool1d", "stride", kernel_size if stride is None else stride, 1)
        self.padding = sizes_of("AvgPool1d", "padding", padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[N, C, L] to [N, C, places], or both without N."""
        window = (self.kernel_size, self.stride, self.padding)
        return avg_pool1d(x, *window, self.ceil_mode, self.count_include_pad)


class _AvgPool(Module):
    """Means over windows along the axes that a subclass names; see `AvgPool2d`."""

    spatial: ClassVar[int] = 0
    """The number of axes that the window moves along."""
    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        own = type(self).__name__
        self.kernel_size = sizes_of(own, "kernel_size", kernel_size, self.spatial)
        self.stride = sizes_of(own, "stride", kernel_size if stride is None else stride, self.spatial)
        self.padding = sizes_of(own, "padding", padding, self.spatial)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[N, C, *spatial] to [N, C, *places], or both without N."""
        window = (self.kernel_size, self.stride, self.padding)
        return type(self).function(x, *window, self.ceil_mode, self.count_include_pad, self.divisor_override)


class AvgPool2d(_AvgPool):
    """The mean of each window of [N, C, H, W] or [C, H, W], as `torch.nn.AvgPool2d`.

    Sizes are one number for all axes or one for each.

    Args:
        kernel_size: how many positions the window has.
        stride: how far it moves; None is `kernel_size`.
        padding: how many zeros are put on both sides of each axis, at most half the kernel.
        ceil_mode: whether a window counts that only begins within the input or the padding before it.
        count_include_pad: whether the padding counts as elements of a window.
        divisor_override: by what the sums are divided; None is the number of elements.
        name: the name, if it is a root module.

    Raises:
        AsgError: a size has a wrong number of entries.
    """

    spatial: ClassVar[int] = 2
    function: ClassVar[Callable[..., Tensor]] = staticmethod(avg_pool2d)


class AvgPool3d(_AvgPool):
    """`AvgPool2d` over three axes, of [N, C, D, H, W] or [C, D, H, W], as `torch.nn.AvgPool3d`."""

    spatial: ClassVar[int] = 3
    function: ClassVar[Callable[..., Tensor]] = staticmethod(avg_pool3d)
