"""`Sequential`: one module after another."""

import re
from collections.abc import Mapping
from typing import Any, cast, overload

from typing_extensions import override

from asg_builder.nn.module import Module, ModuleList
from asg_schema.errors import AsgError

__all__ = ["Sequential"]


class Sequential(ModuleList):
    """Modules applied one after another; their names are their positions, or those of a mapping.

    Args:
        modules: the modules, in order; or one mapping from names to modules.
        name: the name, if it is a root module.

    Raises:
        AsgError: a name of the mapping is no part of a parameter's name, or is taken.
    """

    def __init__(self, *modules: Module | Mapping[str, Module], name: str | None = None) -> None:
        named = modules[0] if len(modules) == 1 and isinstance(modules[0], Mapping) else None
        super().__init__(() if named is not None else cast("tuple[Module, ...]", modules), name=name)
        for key, module in (named or {}).items():
            if not re.fullmatch(r"[A-Za-z0-9_-]+", key):
                raise AsgError(f'{type(self).__name__}: "{key}" names a module; letters, digits, _ and - are needed')
            self._add(key, module)

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
