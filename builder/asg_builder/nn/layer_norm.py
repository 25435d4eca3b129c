"""`LayerNorm`: normalisation over the last axes."""

from typing import cast

from typing_extensions import override

from asg_builder.arguments import DTypeLike, ShapeLike, as_shape
from asg_builder.functions.reduction import layer_norm
from asg_builder.nn.module import Module
from asg_builder.nn.parameter import Parameter
from asg_builder.tensor import Tensor
from asg_schema.initializers import Ones

__all__ = ["LayerNorm"]


class LayerNorm(Module):
    """(x - mean) / sqrt(var + eps) · weight + bias over the last axes, as `torch.nn.LayerNorm` (Ba et al., 2016).

    Parameters: `weight`, ones at first, and `bias`, zeros at first, both of the shape `normalized_shape`.

    Args:
        normalized_shape: the last axes of the input, or the size of the one last axis.
        eps: added to the variance.
        elementwise_affine: whether there are a weight and a bias.
        bias: whether there is a bias beside the weight.
        dtype: the dtype of the parameters, and of the input.
        name: the name, if it is a root module.
    """

    def __init__(
        self,
        normalized_shape: ShapeLike,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.normalized_shape = cast("tuple[int, ...]", as_shape(normalized_shape))
        self.eps = eps
        affine = elementwise_affine
        self.weight = Parameter(self.normalized_shape, init=Ones(), dtype=dtype) if affine else None
        self.bias = Parameter(self.normalized_shape, dtype=dtype) if affine and bias else None

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[…, *normalized_shape] to the same shape."""
        weight = self.weight.value if self.weight else None
        bias = self.bias.value if self.bias else None
        return layer_norm(x, weight, bias, normalized_shape=self.normalized_shape, eps=self.eps)
