"""`LearnedPositionalEncoding`: a learned vector for each position."""

from typing_extensions import override

from asg_builder.arguments import DTypeLike
from asg_builder.nn.module import Module
from asg_builder.nn.parameter import Parameter
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError
from asg_schema.initializers import Normal

__all__ = ["LearnedPositionalEncoding"]


class LearnedPositionalEncoding(Module):
    """x + the first rows of a table, one for each position (Gehring et al., 2017).

    Parameter: `weight` [max_length, embed_dim], normal with mean 0 and standard deviation 0.02 at first, as in GPT-2
    and BERT. It is what an `Embedding` of the positions holds, so that such a layer's weight fits by name.

    Args:
        max_length: the longest sequence.
        embed_dim: the size of the last axis.
        dtype: the dtype of the table, and of the input.
        name: the name, if it is a root module.

    Raises:
        AsgError: a size is below 1.
    """

    def __init__(
        self, max_length: int, embed_dim: int, *, dtype: DTypeLike = "float32", name: str | None = None
    ) -> None:
        super().__init__(name=name)
        if max_length < 1 or embed_dim < 1:
            raise AsgError(f"LearnedPositionalEncoding({max_length}, {embed_dim}): both sizes are at least 1")
        self.max_length = max_length
        self.embed_dim = embed_dim
        self.weight = Parameter((max_length, embed_dim), init=Normal(std=0.02), dtype=dtype)

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[…, L, embed_dim] to the same shape; a sequence longer than `max_length` is an error."""
        if x.ndim < 2 or x.shape[-1] != self.embed_dim:
            raise AsgError(f"LearnedPositionalEncoding: x is {x}; a shape […, L, {self.embed_dim}] is needed")
        length = x.shape[-2]
        if isinstance(length, int) and length > self.max_length:
            raise AsgError(
                f"LearnedPositionalEncoding: x is {x}; it has {length} positions, and at most {self.max_length} fit"
            )
        return x + self.weight.value[:length]
