"""`Embedding`: rows of a table."""

from typing_extensions import override

from asg_builder.arguments import DTypeLike
from asg_builder.functions.indexing import embedding
from asg_builder.nn.module import Module
from asg_builder.nn.parameter import Parameter
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError
from asg_schema.initializers import Normal

__all__ = ["Embedding"]


class Embedding(Module):
    """A row of a table for each index, as `torch.nn.Embedding`.

    Parameter: `weight` [num_embeddings, embedding_dim], normal with mean 0 and standard deviation 1 at first, but for
    the row of the padding, which is 0.

    Args:
        num_embeddings: the number of rows.
        embedding_dim: the size of a row.
        padding_idx: a row that gets no gradient, and so is not trained; a negative one counts from the end.
        dtype: the dtype of the table.
        name: the name, if it is a root module.

    Raises:
        AsgError: a size is below 1, or there is no row `padding_idx`.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if num_embeddings < 1 or embedding_dim < 1:
            raise AsgError(f"Embedding({num_embeddings}, {embedding_dim}): both sizes are at least 1")
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise AsgError(
                f"Embedding({num_embeddings}, {embedding_dim}): padding_idx is {padding_idx}; a row from "
                f"{-num_embeddings} to {num_embeddings - 1} is needed"
            )
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        first = Normal(zero_row=self.padding_idx)
        self.weight = Parameter((num_embeddings, embedding_dim), init=first, dtype=dtype)

    @override
    def forward(self, indices: Tensor) -> Tensor:
        """[…], int32 or int64, to […, embedding_dim]. An index outside the table is an error when the document runs."""
        return embedding(indices, self.weight.value, padding_idx=self.padding_idx)
