"""`OPS`, the complete table of ops, and `OpTable`, through which other packages attach something to each op."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Concatenate, Generic, ParamSpec, TypeVar

import asg_schema.composites
import asg_schema.ops
from asg_schema.op import Op, registered_ops

__all__ = ["OPS", "OpTable"]

OpT = TypeVar("OpT", bound=Op)
P = ParamSpec("P")
R = TypeVar("R")


def _load() -> Mapping[str, type[Op]]:
    for package in (asg_schema.ops, asg_schema.composites):
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    return dict(sorted(registered_ops().items()))


OPS: Mapping[str, type[Op]] = _load()
"""Every op of the format by name, primitives and composites."""


class OpTable(Generic[P, R], Mapping[type[Op], Callable[Concatenate[Op, P], R]]):
    """Functions of one kind, one for each op: its kernels, its gradient rules.

    ```python
    kernels: OpTable[[Arrays], Step] = OpTable("kernel")

    @kernels.define(Sum)
    def sum_kernel(op: Sum, arrays: Arrays) -> Step: ...
    ```

    A type checker refuses a function that takes another op or returns another type; `define` refuses a second
    function for an op.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._functions: dict[type[Op], Callable[..., R]] = {}

    def define(self, op: type[OpT]) -> Callable[[Callable[Concatenate[OpT, P], R]], Callable[Concatenate[OpT, P], R]]:
        """A decorator that enters a function for `op`.

        Raises:
            TypeError: the op already has one.
        """

        def enter(function: Callable[Concatenate[OpT, P], R]) -> Callable[Concatenate[OpT, P], R]:
            if op in self._functions:
                raise TypeError(f"{op.__name__} already has a {self._kind}: {self._functions[op].__qualname__}")
            self._functions[op] = function
            return function

        return enter

    def find(self, op: type[Op]) -> Callable[Concatenate[Op, P], R] | None:
        """The function for `op`; None where there is none. `get`, which a mapping has, takes several times as long."""
        return self._functions.get(op)

    def __getitem__(self, op: type[Op]) -> Callable[Concatenate[Op, P], R]:
        return self._functions[op]

    def __iter__(self) -> Iterator[type[Op]]:
        return iter(self._functions)

    def __len__(self) -> int:
        return len(self._functions)
