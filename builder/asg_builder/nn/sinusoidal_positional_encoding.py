"""`SinusoidalPositionalEncoding`: positions as waves of many lengths."""

import math

from typing_extensions import override

from asg_builder.functions.creation import arange
from asg_builder.functions.elementwise import astype, cos, exp, sin
from asg_builder.functions.layout import expand_dims, reshape
from asg_builder.functions.layout_composites import stack
from asg_builder.nn.module import Module
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError

__all__ = ["SinusoidalPositionalEncoding"]


class SinusoidalPositionalEncoding(Module):
    """x + P, where P has sin(t / base^(2i/E)) at position t and feature 2i, and the cosine at 2i + 1.

    E is `embed_dim` (Vaswani et al., 2017). There is no parameter, and no longest sequence: P is computed for the
    sequence that comes, in float64, and rounded once to the dtype of x.

    Args:
        embed_dim: the size of the last axis; an odd one ends with a sine.
        base: what the wave lengths grow to, divided by 2π.
        name: the name, if it is a root module.

    Raises:
        AsgError: `embed_dim` is below 1, or `base` is not positive and finite.
    """

    def __init__(self, embed_dim: int, base: float = 10000.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        if embed_dim < 1 or not 0 < base < math.inf:
            raise AsgError(
                f"SinusoidalPositionalEncoding({embed_dim}, base={base}): a size of at least 1 and a positive, finite "
                "base are needed"
            )
        self.embed_dim = embed_dim
        self.base = base

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[…, L, embed_dim] to the same shape."""
        if x.ndim < 2 or x.shape[-1] != self.embed_dim:
            raise AsgError(f"SinusoidalPositionalEncoding: x is {x}; a shape […, L, {self.embed_dim}] is needed")
        length, pairs = x.shape[-2], (self.embed_dim + 1) // 2
        rates = exp(arange(pairs, dtype="float64") * (-2.0 * math.log(self.base) / self.embed_dim))
        angles = expand_dims(arange(length, dtype="float64"), 1) * rates
        waves = reshape(stack([sin(angles), cos(angles)], axis=2), (length, 2 * pairs))
        if self.embed_dim % 2:
            waves = waves[:, : self.embed_dim]
        return x + astype(waves, x.dtype)
