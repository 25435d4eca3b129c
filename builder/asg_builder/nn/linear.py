"""`Linear`: an affine map of the last axis."""

import math

from typing_extensions import override

from asg_builder.arguments import DTypeLike
from asg_builder.functions.contraction import linear
from asg_builder.nn.module import Module
from asg_builder.nn.parameter import Parameter
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError
from asg_schema.initializers import KaimingUniform, Uniform

__all__ = ["Linear"]


class Linear(Module):
    """x @ weightᵀ + bias, as `torch.nn.Linear`.

    Parameters: `weight` [out_features, in_features] and `bias` [out_features], uniform in ±1/√in_features at first.

    Args:
        in_features: the size of the last axis of the input.
        out_features: the size of the last axis of the result.
        bias: whether there is one.
        dtype: the dtype of the parameters, and of the input.
        name: the name, if it is a root module.

    Raises:
        AsgError: a size is below 1.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if in_features < 1 or out_features < 1:
            raise AsgError(f"Linear({in_features}, {out_features}): both sizes are at least 1")
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter((out_features, in_features), init=KaimingUniform(a=math.sqrt(5)), dtype=dtype)
        bound = 1 / math.sqrt(in_features)
        self.bias = Parameter((out_features,), init=Uniform(low=-bound, high=bound), dtype=dtype) if bias else None

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[…, in_features] to […, out_features]."""
        return linear(x, self.weight.value, self.bias.value if self.bias else None)
