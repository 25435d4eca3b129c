"""Activations that are made of straight pieces, as modules. Each keeps the shape and dtype of its input."""

from typing_extensions import override

from asg_builder.arguments import DTypeLike
from asg_builder.functions import elementwise_activations, elementwise_composites
from asg_builder.nn.module import Module
from asg_builder.nn.parameter import Parameter
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError
from asg_schema.initializers import Constant

__all__ = ["Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "PReLU", "ReLU", "ReLU6", "Softshrink"]


class Hardshrink(Module):
    """x where |x| > lambd, else 0.

    Args:
        lambd: how far from 0 elements become 0.
        name: the name, if it is a root module.
    """

    def __init__(self, lambd: float = 0.5, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.lambd = lambd

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_activations.hardshrink(x, self.lambd)


class Hardsigmoid(Module):
    """x / 6 + 1/2 held between 0 and 1."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_activations.hardsigmoid(x)


class Hardswish(Module):
    """x · hardsigmoid(x) (Howard et al., 2019)."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_activations.hardswish(x)


class Hardtanh(Module):
    """x held between two bounds.

    Args:
        min_val: the lower bound.
        max_val: the upper bound.
        name: the name, if it is a root module.
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.min_val = min_val
        self.max_val = max_val

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_activations.hardtanh(x, self.min_val, self.max_val)


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


class PReLU(Module):
    """x where x > 0, else weight · x, as `torch.nn.PReLU` (He et al., 2015).

    Parameter: `weight` [num_parameters], `init` at first.

    Args:
        num_parameters: 1, one slope for all, or the number of channels, one for each index along axis 1.
        init: the first slope.
        dtype: the dtype of the parameter, and of the input.
        name: the name, if it is a root module.

    Raises:
        AsgError: there is no slope.
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        *,
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if num_parameters < 1:
            raise AsgError(f"PReLU({num_parameters}): at least 1 slope is needed")
        self.num_parameters = num_parameters
        self.weight = Parameter((num_parameters,), init=Constant(value=init), dtype=dtype)

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape; [N, num_parameters, …] with several slopes."""
        return elementwise_activations.prelu(x, self.weight.value)


class ReLU(Module):
    """max(x, 0)."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_composites.relu(x)


class ReLU6(Module):
    """x held between 0 and 6."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_activations.relu6(x)


class Softshrink(Module):
    """Every element moved by lambd towards 0, and no further.

    Args:
        lambd: how far; at least 0.
        name: the name, if it is a root module.
    """

    def __init__(self, lambd: float = 0.5, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.lambd = lambd

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return elementwise_activations.softshrink(x, self.lambd)
