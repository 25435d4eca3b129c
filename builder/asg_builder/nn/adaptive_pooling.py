"""Pooling to a result of a given size, and of everything: `AdaptiveAvgPool1d`, `GlobalMaxPool` and so on."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from typing_extensions import override

from asg_builder.functions.window_composites import global_avg_pool, global_max_pool
from asg_builder.functions.window_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from asg_builder.nn.module import Module
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError

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

PoolFunction = Callable[[Tensor, int | Sequence[int | None]], Tensor]


class _AdaptivePool(Module):
    """Pooling with windows that are chosen for the size of the result; see `AdaptiveAvgPool2d`."""

    spatial: ClassVar[int] = 0
    """The number of axes that the windows lie along."""
    function: ClassVar[PoolFunction]

    def __init__(self, output_size: int | Sequence[int | None], *, name: str | None = None) -> None:
        super().__init__(name=name)
        sizes = (output_size,) * self.spatial if isinstance(output_size, int) else tuple(output_size)
        own = type(self).__name__
        if len(sizes) != self.spatial:
            raise AsgError(f"{own}: output_size has {len(sizes)} entries; {self.spatial} are needed, one for each axis")
        if any(size is not None and size < 1 for size in sizes):
            raise AsgError(f"{own}: output_size is {list(sizes)}; at least 1 is needed")
        self.output_size = sizes

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[N, C, *spatial] to [N, C, *output_size], or both without N."""
        return type(self).function(x, self.output_size)


class AdaptiveAvgPool1d(_AdaptivePool):
    """`AdaptiveAvgPool2d` over one axis, of [N, C, L] or [C, L], as `torch.nn.AdaptiveAvgPool1d`."""

    spatial: ClassVar[int] = 1
    function: ClassVar[PoolFunction] = staticmethod(adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptivePool):
    """Means of windows of [N, C, H, W] or [C, H, W] that yield a given size, as `torch.nn.AdaptiveAvgPool2d`.

    Along an axis of size n, place i of m has the window from ⌊i · n / m⌋ to ⌈(i + 1) · n / m⌉.

    Args:
        output_size: the sizes of the result, or one for all axes; None keeps that of the input, which must be known.
        name: the name, if it is a root module.

    Raises:
        AsgError: there are too few or too many sizes, or one is below 1.
    """

    spatial: ClassVar[int] = 2
    function: ClassVar[PoolFunction] = staticmethod(adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptivePool):
    """`AdaptiveAvgPool2d` over three axes, of [N, C, D, H, W] or [C, D, H, W], as `torch.nn.AdaptiveAvgPool3d`."""

    spatial: ClassVar[int] = 3
    function: ClassVar[PoolFunction] = staticmethod(adaptive_avg_pool3d)


class AdaptiveMaxPool1d(_AdaptivePool):
    """`AdaptiveMaxPool2d` over one axis, of [N, C, L] or [C, L], as `torch.nn.AdaptiveMaxPool1d`."""

    spatial: ClassVar[int] = 1
    function: ClassVar[PoolFunction] = staticmethod(adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptivePool):
    """The largest elements of the windows that `AdaptiveAvgPool2d` has, as `torch.nn.AdaptiveMaxPool2d`.

    It returns no indices.

    Args:
        output_size: the sizes of the result, or one for all axes; None keeps that of the input, which must be known.
        name: the name, if it is a root module.

    Raises:
        AsgError: there are too few or too many sizes, or one is below 1.
    """

    spatial: ClassVar[int] = 2
    function: ClassVar[PoolFunction] = staticmethod(adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptivePool):
    """`AdaptiveMaxPool2d` over three axes, of [N, C, D, H, W] or [C, D, H, W], as `torch.nn.AdaptiveMaxPool3d`."""

    spatial: ClassVar[int] = 3
    function: ClassVar[PoolFunction] = staticmethod(adaptive_max_pool3d)


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
