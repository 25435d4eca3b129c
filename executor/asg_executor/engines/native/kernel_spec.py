"""`KernelSpec`: what one native function computes, apart from where its arrays lie."""

from typing import Protocol

from llvmlite import ir

__all__ = ["KernelSpec", "define_kernel"]

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
