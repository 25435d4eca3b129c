"""`Sequential`: one module after another."""

from typing import Any

from typing_extensions import override

from asg_builder.nn.module import Module, ModuleList

__all__ = ["Sequential"]


class Sequential(ModuleList):
    """Modules applied one after another; their names are their positions.

    Args:
        modules: the modules, in order.
        name: the name, if it is a root module.
    """

    def __init__(self, *modules: Module, name: str | None = None) -> None:
        super().__init__(modules, name=name)

    @override
    def forward(self, x: Any) -> Any:
        """The last module's result."""
        for module in self:
            x = module(x)
        return x
