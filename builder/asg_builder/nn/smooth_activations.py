"""Activations that are smooth, as modules. Each keeps the shape and dtype of its input."""

from typing import Literal

from typing_extensions import override

from asg_builder.functions import elementwise, elementwise_activations, elementwise_composites
from asg_builder.nn.module import Module
from asg_builder.tensor import Tensor

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "SELU",
    "LogSigmoid",
    "Mish",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Softsign",
    "Tanh",
    "Tanhshrink",
]


class CELU(Module):
    """x where x > 0, else alpha · (exp(x / alpha) - 1) (Barron, 2017).

    Args:
        alpha: what the function tends to below, negated.
        name: the name, if it is a root module.
    """

    def __init__(self, alpha: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.alpha = alpha

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_activations.celu(x, self.alpha)


class ELU(Module):
    """x where x > 0, else alpha · (exp(x) - 1) (Clevert et al., 2015).

    Args:
        alpha: what the function tends to below, negated.
        name: the name, if it is a root module.
    """

    def __init__(self, alpha: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.alpha = alpha

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_activations.elu(x, self.alpha)


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


class LogSigmoid(Module):
    """The logarithm of sigmoid(x)."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_activations.log_sigmoid(x)


class Mish(Module):
    """x · tanh(softplus(x)) (Misra, 2019)."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_activations.mish(x)


class SELU(Module):
    """`ELU` with the scale and the alpha that keep mean 0 and variance 1 (Klambauer et al., 2017)."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_activations.selu(x)


class SiLU(Module):
    """x · sigmoid(x)."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_composites.silu(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise.sigmoid(x)


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


class Softsign(Module):
    """x / (1 + |x|)."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_activations.softsign(x)


class Tanh(Module):
    """The hyperbolic tangent."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise.tanh(x)


class Tanhshrink(Module):
    """x - tanh(x)."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_activations.tanhshrink(x)
