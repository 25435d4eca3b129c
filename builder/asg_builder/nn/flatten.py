"""`Flatten`: several axes made one."""

from typing_extensions import override

from asg_builder.functions.layout import flatten
from asg_builder.nn.module import Module
from asg_builder.tensor import Tensor

__all__ = ["Flatten"]


class Flatten(Module):
    """The axes from `start_axis` to `end_axis`, both included, made one, as `torch.nn.Flatten`.

    Args:
        start_axis: the first of them; 1 keeps the batch.
        end_axis: the last of them.
        name: the name, if it is a root module.
    """

    def __init__(self, start_axis: int = 1, end_axis: int = -1, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.start_axis = start_axis
        self.end_axis = end_axis

    @override
    def forward(self, x: Tensor) -> Tensor:
        """[a, b, c] to [a, b · c] with the defaults."""
        return flatten(x, self.start_axis, self.end_axis)
