"""`RotaryEmbedding`: positions as angles by which queries and keys are turned."""

import math

from typing_extensions import override

from asg_builder.functions.contraction_composites import rotary_embedding
from asg_builder.nn.module import Module
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError

__all__ = ["RotaryEmbedding"]


class RotaryEmbedding(Module):
    """Each pair of elements of a head turned by an angle that grows with its position, for `MultiHeadAttention`.

    The score of a query and a key depends on their distance then (Su et al., "RoFormer: enhanced transformer with
    rotary position embedding", 2021). There is no parameter; the op `rotary_embedding` has the formula.

    Args:
        base: what the angles of successive pairs fall by.
        interleaved: whether the elements of a pair are neighbours, as in the paper; else they are half the axis apart,
            as in Llama and GPT-NeoX.
        name: the name, if it is a root module.

    Raises:
        AsgError: `base` is not positive and finite.
    """

    def __init__(self, base: float = 10000.0, interleaved: bool = False, *, name: str | None = None) -> None:
        super().__init__(name=name)
        if not 0 < base < math.inf:
            raise AsgError(f"RotaryEmbedding: base is {base}; a positive, finite number is needed")
        self.base = base
        self.interleaved = interleaved

    @override
    def forward(self, x: Tensor, positions: Tensor | None = None) -> Tensor:
        """[…, L, head_dim], head_dim even, to the same shape.

        Args:
            x: queries or keys.
            positions: int32 or int64, broadcasts to […, L]; absent: 0 to L - 1.
        """
        return rotary_embedding(x, positions, base=self.base, interleaved=self.interleaved)
