"""`Sequential`: one module after another."""

from typing import Any, overload

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

    @overload
    def __getitem__(self, position: int) -> Module: ...
    @overload
    def __getitem__(self, position: slice) -> "Sequential": ...
    @override
    def __getitem__(self, position: int | slice) -> Module:
        """A module, or several in a row, which keep the names that they have here."""
        return (
            Sequential(*super().__getitem__(position)) if isinstance(position, slice) else super().__getitem__(position)
        )

    @override
    def forward(self, x: Any) -> Any:
        """The last module's result."""
        for module in self:
            x = module(x)
        return x
