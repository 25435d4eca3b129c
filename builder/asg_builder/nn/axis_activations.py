"""Activations along an axis, as modules."""

from typing_extensions import override

from asg_builder.functions import elementwise_activations, reduction
from asg_builder.nn.module import Module
from asg_builder.tensor import Tensor

__all__ = ["GLU", "LogSoftmax", "Softmax"]


class GLU(Module):
    """a · sigmoid(b), where a and b are the first and the second half of x (Dauphin et al., 2017).

    Args:
        axis: the axis that is halved; it has an even size.
        name: the name, if it is a root module.
    """

    def __init__(self, axis: int = -1, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.axis = axis

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape, but for `axis`, which is half as long."""
        return elementwise_activations.glu(x, self.axis)


class LogSoftmax(Module):
    """The logarithm of softmax along an axis.

    Args:
        axis: the axis.
        name: the name, if it is a root module.
    """

    def __init__(self, axis: int = -1, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.axis = axis

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return reduction.log_softmax(x, self.axis)


class Softmax(Module):
    """exp(x) / Σ exp(x) along an axis.

    Args:
        axis: the axis.
        name: the name, if it is a root module.
    """

    def __init__(self, axis: int = -1, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.axis = axis

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return reduction.softmax(x, self.axis)
