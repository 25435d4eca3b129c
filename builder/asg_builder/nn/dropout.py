"""`Dropout`: random zeros while training."""

from typing_extensions import override

from asg_builder.functions.random import dropout
from asg_builder.nn.module import Module
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError

__all__ = ["Dropout"]


class Dropout(Module):
    """In training, 0 with probability p, else x / (1 - p); in evaluation (`eval()`), x itself.

    Each call in training takes a new key of the graph, whose input `rng_key` a session fills for each step.

    Args:
        p: the probability, from 0 to 1.
        name: the name, if it is a root module.

    Raises:
        AsgError: `p` is not a probability.
    """

    def __init__(self, p: float = 0.5, *, name: str | None = None) -> None:
        super().__init__(name=name)
        if not 0 <= p <= 1:
            raise AsgError(f"Dropout(p={p}): a probability from 0 to 1 is needed")
        self.p = p

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return dropout(x, p=self.p) if self.training and self.p > 0 else x
