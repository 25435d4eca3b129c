"""`FeedForward`: two linear maps with an activation between."""

from typing_extensions import override

from asg_builder.arguments import DTypeLike
from asg_builder.nn.activations import Activation, activation_function
from asg_builder.nn.dropout import Dropout
from asg_builder.nn.linear import Linear
from asg_builder.nn.module import Module
from asg_builder.tensor import Tensor

__all__ = ["FeedForward"]


class FeedForward(Module):
    """linear2(dropout(activation(linear1(x)))), on each position by itself.

    Modules: `linear1` (embed_dim to ff_dim), `dropout`, `linear2` (ff_dim to embed_dim).

    Args:
        embed_dim: the size of the last axis.
        ff_dim: the size between the two maps.
        activation: its name, or a function or module.
        dropout: the probability with which what is between the maps is dropped while training.
        bias: whether the maps have one.
        dtype: the dtype of the parameters, and of the input.
        name: the name, if it is a root module.
    """

    def __init__(
        self,
        embed_dim: int,
        ff_dim: int,
        *,
        activation: Activation = "gelu",
        dropout: float = 0.0,
        bias: bool = True,
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.activation = activation_function(activation)
        self.linear1 = Linear(embed_dim, ff_dim, bias, dtype=dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(ff_dim, embed_dim, bias, dtype=dtype)

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[…, embed_dim] to […, embed_dim]."""
        return self.linear2(self.dropout(self.activation(self.linear1(x))))
