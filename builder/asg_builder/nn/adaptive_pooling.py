"""Pooling to a result of a given size, and of everything: `AdaptiveAvgPool1d`, `GlobalMaxPool` and so on."""

from collections.abc import Callable
from typing import Any, ClassVar

from typing_extensions import override

from asg_builder.functions.window_adaptive import (
    OutputSize,
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    output_sizes,
)
from asg_builder.functions.window_composites import global_avg_pool, global_max_pool
from asg_builder.nn.module import Module
from asg_builder.tensor import Tensor

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "GlobalAvgPool",
    "GlobalMaxPool",
]


class _AdaptivePool(Module):
    """Pooling with windows that are chosen for the size of the result."""

    spatial: ClassVar[int] = 0
    """The number of axes that the windows lie along."""
    function: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: OutputSize, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.output_size = output_sizes(type(self).__name__, output_size, self.spatial)


class _AdaptiveAvgPool(_AdaptivePool):
    """See `AdaptiveAvgPool2d`."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[N, C, *spatial] to [N, C, *output_size], or both without N."""
        return type(self).function(x, self.output_size)


class _AdaptiveMaxPool(_AdaptivePool):
    """See `AdaptiveMaxPool2d`."""

    def __init__(self, output_size: OutputSize, return_indices: bool = False, *, name: str | None = None) -> None:
        super().__init__(output_size, name=name)
        self.return_indices = return_indices

    @override
    def forward(self, x: Tensor) -> Any:
        """[N, C, *spatial] to [N, C, *output_size], or both without N; with `return_indices` two such tensors."""
        return type(self).function(x, self.output_size, self.return_indices)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """`AdaptiveAvgPool2d` over one axis, of [N, C, L] or [C, L], as `torch.nn.AdaptiveAvgPool1d`."""

    spatial: ClassVar[int] = 1
    function: ClassVar[Callable[..., Any]] = staticmethod(adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means of windows of [N, C, H, W] or [C, H, W] that yield a given size, as `torch.nn.AdaptiveAvgPool2d`.

    Along an axis of size n, place i of m has the window from ⌊i · n / m⌋ to ⌈(i + 1) · n / m⌉.

    Args:
        output_size: the sizes of the result, or one for all axes; None keeps that of the input, which must be known.
        name: the name, if it is a root module.

    Raises:
        AsgError: there are too few or too many sizes, or one is below 1.
    """

    spatial: ClassVar[int] = 2
    function: ClassVar[Callable[..., Any]] = staticmethod(adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """`AdaptiveAvgPool2d` over three axes, of [N, C, D, H, W] or [C, D, H, W], as `torch.nn.AdaptiveAvgPool3d`."""

    spatial: ClassVar[int] = 3
    function: ClassVar[Callable[..., Any]] = staticmethod(adaptive_avg_pool3d)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """`AdaptiveMaxPool2d` over one axis, of [N, C, L] or [C, L], as `torch.nn.AdaptiveMaxPool1d`."""

    spatial: ClassVar[int] = 1
    function: ClassVar[Callable[..., Any]] = staticmethod(adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest elements of the windows that `AdaptiveAvgPool2d` has, as `torch.nn.AdaptiveMaxPool2d`.

    Args:
        output_size: the sizes of the result, or one for all axes; None keeps that of the input, which must be known.
        return_indices: whether to return a pair: the elements, and where in its channel each stands (int64, counted
            through all spatial axes).
        name: the name, if it is a root module.

    Raises:
        AsgError: there are too few or too many sizes, or one is below 1.
    """

    spatial: ClassVar[int] = 2
    function: ClassVar[Callable[..., Any]] = staticmethod(adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """`AdaptiveMaxPool2d` over three axes, of [N, C, D, H, W] or [C, D, H, W], as `torch.nn.AdaptiveMaxPool3d`."""

    spatial: ClassVar[int] = 3
    function: ClassVar[Callable[..., Any]] = staticmethod(adaptive_max_pool3d)


class GlobalAvgPool(Module):
    """The mean of each channel, over one to three spatial axes that have the size 1 then; `Flatten` drops those.

    Args:
        name: the name, if it is a root module.
    """

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[N, C, *spatial] to [N, C, 1, …]."""
        return global_avg_pool(x)


class GlobalMaxPool(Module):
    """The largest element of each channel, over one to three spatial axes that have the size 1 then.

    Args:
        name: the name, if it is a root module.
    """

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[N, C, *spatial] to [N, C, 1, …]."""
        return global_max_pool(x)
