"""`Residual`: a module beside a way round it."""

from typing import Any

from typing_extensions import override

from asg_builder.nn.module import Module
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError

__all__ = ["Residual"]


class Residual(Module):
    """x + module(x) (He et al., "Deep residual learning for image recognition", 2016).

    Args:
        module: what is added, of the shape and dtype of its input; its names begin with `module`.
        name: the name, if it is a root module.
    """

    def __init__(self, module: Module, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.module = module

    @override
    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """X + module(x, …), of the shape of x.

        Raises:
            AsgError: the module's result has another shape than x, so that one of them would be broadcast.
        """
        branch: Tensor = self.module(x, *args, **kwargs)
        if branch.shape != x.shape:
            raise AsgError(f"Residual: the module makes {branch} of {x}; the same shape is needed")
        return x + branch
