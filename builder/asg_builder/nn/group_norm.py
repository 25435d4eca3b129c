"""`GroupNorm`: normalisation over groups of channels."""

from typing_extensions import override

from asg_builder.arguments import DTypeLike
from asg_builder.functions.reduction_normalization import group_norm
from asg_builder.nn.module import Module
from asg_builder.nn.parameter import Parameter
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError
from asg_schema.initializers import Ones

__all__ = ["GroupNorm"]


class GroupNorm(Module):
    """(x - mean) / sqrt(var + eps) · weight + bias over groups of channels, as `torch.nn.GroupNorm` (Wu and He, 2018).

    Parameters: `weight` [num_channels], ones at first, and `bias` [num_channels], zeros at first.

    Args:
        num_groups: into how many groups the channels are divided; it divides `num_channels`.
        num_channels: the size of axis 1 of the input.
        eps: added to the variance.
        affine: whether there are a weight and a bias.
        bias: whether there is a bias beside the weight.
        dtype: the dtype of the parameters, and of the input.
        name: the name, if it is a root module.

    Raises:
        AsgError: `num_groups` does not divide `num_channels`, or one of them is below 1.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if num_groups < 1 or num_channels < 1 or num_channels % num_groups:
            raise AsgError(f"GroupNorm: num_channels {num_channels} is not a multiple of num_groups {num_groups}")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.weight = Parameter((num_channels,), init=Ones(), dtype=dtype) if affine else None
        self.bias = Parameter((num_channels,), dtype=dtype) if affine and bias else None

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[N, num_channels, …] to the same shape.

        Raises:
            AsgError: x has another number of channels.
        """
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise AsgError(f"GroupNorm: x is {x}; a shape [N, {self.num_channels}, …] is needed")
        weight = self.weight.value if self.weight else None
        bias = self.bias.value if self.bias else None
        return group_norm(x, weight, bias, num_groups=self.num_groups, eps=self.eps)
