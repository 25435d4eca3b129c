"""`RMSNorm`: elements over the root mean square of the last axes."""

from typing import cast

from typing_extensions import override

from asg_builder.arguments import DTypeLike, ShapeLike, as_shape
from asg_builder.functions.reduction_normalization import rms_norm
from asg_builder.nn.module import Module
from asg_builder.nn.parameter import Parameter
from asg_builder.tensor import Tensor
from asg_schema.initializers import Ones

__all__ = ["RMSNorm"]


class RMSNorm(Module):
    """x / sqrt(mean(x²) + eps) · weight over the last axes, as `torch.nn.RMSNorm` (Zhang and Sennrich, 2019).

    Parameter: `weight`, ones at first, of the shape `normalized_shape`.

    Args:
        normalized_shape: the last axes of the input, or the size of the one last axis.
        eps: added to the mean of the squares; None is the smallest step from 1 in the dtype, as the op `rms_norm` says.
        elementwise_affine: whether there is a weight.
        dtype: the dtype of the parameter, and of the input.
        name: the name, if it is a root module.
    """

    def __init__(
        self,
        normalized_shape: ShapeLike,
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.normalized_shape = cast("tuple[int, ...]", as_shape(normalized_shape))
        self.eps = eps
        self.weight = Parameter(self.normalized_shape, init=Ones(), dtype=dtype) if elementwise_affine else None

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[…, *normalized_shape] to the same shape."""
        weight = self.weight.value if self.weight else None
        return rms_norm(x, weight, normalized_shape=self.normalized_shape, eps=self.eps)
