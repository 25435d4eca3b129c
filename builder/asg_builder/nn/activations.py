"""Activations as modules, for `Sequential`. Each keeps the shape and dtype of its input."""

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from typing_extensions import override

from asg_builder.functions import elementwise, elementwise_composites, reduction
from asg_builder.nn.module import Module
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError
from asg_schema.wire import nearest

__all__ = [
    "GELU",
    "Activation",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "activation_function",
]

Activation: TypeAlias = str | Callable[[Tensor], Tensor]
"""An activation by its name, such as "gelu", or as a function or module."""

_BY_NAME: Mapping[str, Callable[[Tensor], Tensor]] = {
    "gelu": elementwise_composites.gelu,
    "leaky_relu": elementwise_composites.leaky_relu,
    "relu": elementwise_composites.relu,
    "sigmoid": elementwise.sigmoid,
    "silu": elementwise_composites.silu,
    "softplus": elementwise_composites.softplus,
    "tanh": elementwise.tanh,
}


def activation_function(name: Activation) -> Callable[[Tensor], Tensor]:
    """The activation that `name` stands for.

    Raises:
        AsgError: there is none of that name.
    """
    if not isinstance(name, str):
        return name
    if name not in _BY_NAME:
        hint = nearest(name, _BY_NAME) or f"; known are {', '.join(_BY_NAME)}"
        raise AsgError(f'there is no activation "{name}"{hint}')
    return _BY_NAME[name]


class ReLU(Module):
    """max(x, 0)."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_composites.relu(x)


class LeakyReLU(Module):
    """x where x > 0, else negative_slope · x.

    Args:
        negative_slope: the factor of negative elements.
        name: the name, if it is a root module.
    """

    def __init__(self, negative_slope: float = 0.01, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.negative_slope = negative_slope

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_composites.leaky_relu(x, self.negative_slope)


class GELU(Module):
    """x · Φ(x), where Φ is the normal distribution function.

    Args:
        approximate: "none" is exact, "tanh" an approximation.
        name: the name, if it is a root module.
    """

    def __init__(self, approximate: Literal["none", "tanh"] = "none", *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.approximate: Literal["none", "tanh"] = approximate

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_composites.gelu(x, self.approximate)


class SiLU(Module):
    """x · sigmoid(x)."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_composites.silu(x)


class Softplus(Module):
    """log(1 + exp(beta · x)) / beta.

    Args:
        beta: how sharp the bend at 0 is.
        threshold: where beta · x is larger the result is x.
        name: the name, if it is a root module.
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.beta = beta
        self.threshold = threshold

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_composites.softplus(x, self.beta, self.threshold)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise.sigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise.tanh(x)


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
