"""`KernelSpec`: what one native function computes, apart from where its arrays lie."""

from collections.abc import Sequence
from typing import Protocol

from llvmlite import ir

__all__ = ["KernelSpec", "define_inner", "define_kernel"]

_POINTER = ir.PointerType()
_INDEX = ir.IntType(64)
_SIGNATURE = ir.FunctionType(ir.VoidType(), [_POINTER, _INDEX, _INDEX, _INDEX, _POINTER])


class KernelSpec(Protocol):
    """What a native function computes. Each kind is a frozen dataclass of plain values.

    Two that are equal have the same code; the `repr` is the key under which the code is kept, also on disk.
    """

    @property
    def units(self) -> int:
        """How many pieces of work a call has that do not depend on one another. They are divided into parts."""
        ...

    @property
    def scratch_bytes(self) -> int:
        """How much memory of its own each part needs while it runs."""
        ...

    def define(self, module: ir.Module) -> None:
        """Define the function `kernel` in the module; see `define_kernel`."""
        ...


def define_kernel(module: ir.Module) -> ir.Function:
    """Declare `void kernel(ptr arguments, i64 begin, i64 end, i64 part, ptr scratch)` in a module.

    `arguments` holds a pointer for each array. The function does the units from `begin` to just before `end`, as part
    number `part` of those into which the work is divided; `scratch` is aligned to 64 bytes and the part's alone.
    """
    function = ir.Function(module, _SIGNATURE, "kernel")
    for argument, name in zip(function.args, ("arguments", "begin", "end", "part", "scratch"), strict=True):
        argument.name = name
    function.attributes.add("nounwind")
    return function


def define_inner(module: ir.Module, name: str, types: Sequence[ir.Type], *, disjoint: int = 0) -> ir.Function:
    """Declare a function without a result that only this module calls, and that is not inlined.

    Args:
        module: where it stands.
        name: what it is called, made unique there.
        types: of its arguments.
        disjoint: how many of the first arguments are pointers to memory that no other argument reaches. Arguments,
            unlike pointers that are read from memory, can be said not to overlap.
    """
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), types), module.get_unique_name(name))
    function.linkage = "internal"
    for attribute in ("nounwind", "noinline"):
        function.attributes.add(attribute)
    for argument in function.args[:disjoint]:
        argument.add_attribute("noalias")
    return function
