"""`Dropout`: random zeros while training, for each element or for whole channels."""

from typing_extensions import override

from asg_builder.functions.random import dropout, dropout1d, dropout2d, dropout3d
from asg_builder.nn.module import Module
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError

__all__ = ["Dropout", "Dropout1d", "Dropout2d", "Dropout3d"]


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
            raise AsgError(f"{type(self).__name__}(p={p}): a probability from 0 to 1 is needed")
        self.p = p

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return dropout(x, p=self.p) if self.training and self.p > 0 else x


class Dropout1d(Dropout):
    """`Dropout` of whole channels of [N, C, L] or [C, L], as `torch.nn.Dropout1d` (Tompson et al., 2015)."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[N, C, L] or [C, L] to the same shape."""
        return dropout1d(x, p=self.p) if self.training and self.p > 0 else x


class Dropout2d(Dropout):
    """`Dropout` of whole channels of [N, C, H, W], as `torch.nn.Dropout2d` (Tompson et al., 2015)."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] to the same shape."""
        return dropout2d(x, p=self.p) if self.training and self.p > 0 else x


class Dropout3d(Dropout):
    """`Dropout` of whole channels of [N, C, D, H, W] or [C, D, H, W], as `torch.nn.Dropout3d`."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[N, C, D, H, W] or [C, D, H, W] to the same shape."""
        return dropout3d(x, p=self.p) if self.training and self.p > 0 else x
