"""`origins`: from which pointers the address of an access is computed, as LLVM's language reference has it."""

from collections.abc import Sequence

from llvmlite import ir

__all__ = ["UnknownOriginError", "origins"]


class UnknownOriginError(Exception):
    """What an address is computed from is not known."""


def origins(pointer: ir.Value) -> list[ir.Value]:
    """The pointers that an address is *based on*.

    That is what `getelementptr` begins with; either one of two between which `select` or a `phi` decides; and for an
    address that was a number, every pointer that the number was computed from.

    Args:
        pointer: a pointer, or a vector of pointers.

    Returns:
        Arguments, global variables, local variables, and pointers that were read from memory; none for a constant.

    Raises:
        UnknownOriginError: the address comes from a call, or from a number of which no more is known.
    """
    found: list[ir.Value] = []
    seen: set[int] = set()
    waiting = [pointer]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if _is_origin(value):
            found.append(value)
        elif not isinstance(value, ir.Constant):
            waiting.extend(_sources(value))
    return found


def _is_origin(value: ir.Value) -> bool:
    if isinstance(value, ir.AllocaInstr | ir.GlobalVariable):
        return True
    return isinstance(value, ir.Argument | ir.LoadInstr) and isinstance(value.type, ir.PointerType)


def _sources(value: ir.Value) -> Sequence[ir.Value]:
    match value:
        case ir.GEPInstr():
            return value.operands[:1]
        case ir.PhiInstr():
            return [incoming for incoming, _ in value.incomings]
        case ir.SelectInstr():
            return value.operands[1:]
        case ir.InsertElement() | ir.ShuffleVector():
            return value.operands[:2]
        case ir.ExtractElement():
            return value.operands[:1]
        case ir.CastInstr():
            return value.operands
        case ir.Instruction() if value.opname in ("add", "sub", "and", "or", "mul", "shl", "lshr"):
            return value.operands
        case _:
            raise UnknownOriginError(f"what {value} is computed from is not known")
