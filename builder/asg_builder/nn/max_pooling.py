"""`MaxPool1d` to `MaxPool3d`: the largest element of each window."""

from collections.abc import Callable
from typing import Any, ClassVar

from typing_extensions import override

from asg_builder.functions.window_arguments import Sizes, sizes_of
from asg_builder.functions.window_pooling import max_pool1d, max_pool2d, max_pool3d
from asg_builder.nn.module import Module
from asg_builder.tensor import Tensor

__all__ = ["MaxPool1d", "MaxPool2d", "MaxPool3d"]


class _MaxPool(Module):
    """Maxima over windows along the axes that a subclass names; see `MaxPool2d`."""

    spatial: ClassVar[int] = 0
    """The number of axes that the window moves along."""
    function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        own = type(self).__name__
        self.kernel_size = sizes_of(own, "kernel_size", kernel_size, self.spatial)
        self.stride = sizes_of(own, "stride", kernel_size if stride is None else stride, self.spatial)
        self.padding = sizes_of(own, "padding", padding, self.spatial)
        self.dilation = sizes_of(own, "dilation", dilation, self.spatial)
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    @override
    def forward(self, x: Tensor) -> Any:
        """[N, C, *spatial] to [N, C, *places], or both without N; with `return_indices` two such tensors."""
        window = (self.kernel_size, self.stride, self.padding, self.dilation)
        return type(self).function(x, *window, self.ceil_mode, self.return_indices)


class MaxPool1d(_MaxPool):
    """`MaxPool2d` over one axis, of [N, C, L] or [C, L], as `torch.nn.MaxPool1d`."""

    spatial: ClassVar[int] = 1
    function: ClassVar[Callable[..., Any]] = staticmethod(max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest element of each window of [N, C, H, W] or [C, H, W], as `torch.nn.MaxPool2d`.

    Sizes are one number for all axes or one for each. Where a window holds NaN its result is NaN.

    Args:
        kernel_size: how many positions the window has.
        stride: how far it moves; None is `kernel_size`.
        padding: how much is put on both sides of each axis, at most half the kernel; it is never the largest.
        dilation: how far the positions of the window lie apart.
        return_indices: whether to return a pair: the elements, and where in its channel each stands (int64, counted
            through all spatial axes).
        ceil_mode: whether a window counts that only begins within the input or the padding before it.
        name: the name, if it is a root module.

    Raises:
        AsgError: a size has a wrong number of entries.
    """

    spatial: ClassVar[int] = 2
    function: ClassVar[Callable[..., Any]] = staticmethod(max_pool2d)


class MaxPool3d(_MaxPool):
    """`MaxPool2d` over three axes, of [N, C, D, H, W] or [C, D, H, W], as `torch.nn.MaxPool3d`."""

    spatial: ClassVar[int] = 3
    function: ClassVar[Callable[..., Any]] = staticmethod(max_pool3d)
