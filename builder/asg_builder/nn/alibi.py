"""`ALiBi`: positions as a penalty on the distance that attention spans."""

from asg_builder.arguments import DTypeLike
from asg_builder.functions.creation import arange, constant
from asg_builder.functions.elementwise import abs, astype
from asg_builder.functions.layout import expand_dims
from asg_builder.nn.module import Module
from asg_builder.tensor import Tensor
from asg_schema.dims import Dim
from asg_schema.errors import AsgError

__all__ = ["ALiBi"]


class ALiBi(Module):
    """Attention with linear biases (Press, Smith and Lewis, "Train short, test long", 2022), for `MultiHeadAttention`.

    To the score of query i and key j head h adds -slope_h · |i - j|. The paper has j ≤ i only; where attention is not
    causal, keys on both sides are treated alike. There is no parameter.

    The slopes of n heads are 2^(-8/n), 2^(-16/n), …, 2^-8 where n is a power of two. Else, with p the power of two
    below n, they are the p slopes of p heads, and then every other one of 2p heads from the first on, as many as are
    missing: so the authors' code has it.

    Args:
        num_heads: the number of heads.
        name: the name, if it is a root module.

    Raises:
        AsgError: there is no head.
    """

    def __init__(self, num_heads: int, *, name: str | None = None) -> None:
        super().__init__(name=name)
        if num_heads < 1:
            raise AsgError(f"ALiBi({num_heads}): at least 1 head is needed")
        self.num_heads = num_heads

    @property
    def slopes(self) -> list[float]:
        """The slope of each head."""
        power = 1 << (self.num_heads.bit_length() - 1)
        missing = self.num_heads - power
        return _slopes(power) + _slopes(2 * power)[0::2][:missing]

    def bias(self, length: Dim, keys: Dim, dtype: DTypeLike) -> Tensor:
        """What is added to the scores, computed in float32 or wider and rounded once.

        Args:
            length: the number of queries.
            keys: the number of keys; positions of both begin at 0.
            dtype: the dtype of the scores.

        Returns:
            [num_heads, length, keys].

        Raises:
            AsgError: there are not as many keys as queries.
        """
        if length != keys:
            raise AsgError(
                f"ALiBi: there are {length} queries and {keys} keys; distances have a meaning within one sequence, so "
                "equal numbers are needed"
            )
        return self(arange(length), arange(keys), dtype)

    def forward(self, queries: Tensor, keys: Tensor, dtype: DTypeLike = "float32") -> Tensor:
        """The bias for these positions.

        Args:
            queries: [L], the positions of the queries, int32 or int64.
            keys: [S], those of the keys.
            dtype: the dtype of the result.

        Returns:
            [num_heads, L, S].
        """
        distance = abs(expand_dims(queries, 1) - expand_dims(keys, 0))
        slopes = constant(self.slopes, "float64", (self.num_heads, 1, 1))
        return astype(astype(distance, "float64") * -slopes, dtype)


def _slopes(heads: int) -> list[float]:
    """Those of a number of heads that is a power of two."""
    return [2.0 ** (-8.0 * (head + 1) / heads) for head in range(heads)]
