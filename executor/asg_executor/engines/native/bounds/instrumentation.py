"""`instrument`: puts a check before every access to memory that a kernel makes.

The checks stand in the module before LLVM optimises it: what they check is what the kernel says, every load and store
of it. What LLVM makes of that it has to answer for itself. What functions claim of their arguments is taken from them,
so that LLVM makes no use of it here, and is checked as well.
"""

from collections.abc import Sequence
from typing import NamedTuple

from llvmlite import ir

from asg_executor.engines.native.amx import CONFIGURATION_BYTES
from asg_executor.engines.native.bounds.check_code import CheckCode, Manner, stored_bytes
from asg_executor.engines.native.bounds.claim_record import MOST_POINTERS, Pointer
from asg_executor.engines.native.bounds.origins import UnknownOriginError, origins

__all__ = ["Access", "Instrumented", "UncheckedAccessError", "instrument"]

_INDEX = ir.IntType(64)
_LANE = ir.IntType(32)
_MOST_ALIGNMENT = 64
_FETCHES = "llvm.prefetch."  # whatever address it names


class Access(NamedTuple):
    """An instruction that accesses memory.

    Attributes:
        function: the function in which it stands.
        text: the instruction.
        stores: whether it writes.
        alignment: of what its address has to be a multiple, in bytes.
    """

    function: str
    text: str
    stores: bool
    alignment: int


class Instrumented(NamedTuple):
    """What the numbers mean that the checks of a kernel write down.

    Attributes:
        accesses: the accesses; they are counted from 0.
        pointers: the pointers through which those in functions with claims are made; they are counted from 1.
    """

    accesses: list[Access]
    pointers: list[Pointer]


class UncheckedAccessError(Exception):
    """A kernel accesses memory in a way for which there is no check yet; it has to be written."""


def instrument(module: ir.Module, arguments: int, scratch_bytes: int) -> Instrumented:
    """Put a check before every access of a kernel.

    Local variables are accessed by their names alone, within their types, and need none. An access that is not allowed
    is written down in the call's `BoundsTable`, and made elsewhere.

    Args:
        module: defines the function `kernel`, and those that it calls.
        arguments: how many arguments the kernel has. Behind them it gets the address of a `BoundsTable`.
        scratch_bytes: how much scratch memory each part has.

    Returns:
        What the numbers mean that are written down.

    Raises:
        UncheckedAccessError: an instruction accesses memory in a way that is not known here.
    """
    functions = [function for function in module.functions if function.blocks]
    instrumentation = _Instrumentation(CheckCode(module), functions)
    for function in functions:
        instrumentation.add(function)
    kernel = module.globals["kernel"]
    builder = ir.IRBuilder(kernel.entry_basic_block)
    builder.position_at_start(kernel.entry_basic_block)
    instrumentation.code.begin(builder, kernel, arguments, scratch_bytes)
    return Instrumented(instrumentation.accesses, instrumentation.claims.pointers)


class _Claims:
    """What functions claim of their arguments. That they do is forgotten by the functions themselves."""

    def __init__(self, functions: Sequence[ir.Function]) -> None:
        self.pointers: list[Pointer] = []
        self._numbers: dict[ir.Function, dict[ir.Value | None, int]] = {}
        for function in functions:
            claimed = [place for place, item in enumerate(function.args) if "noalias" in item.attributes]
            if claimed:
                self._numbers[function] = numbers = {}
                for place in (None, *claimed):
                    self.pointers.append(Pointer(function.name, place))
                    numbers[None if place is None else function.args[place]] = len(self.pointers)
                for place in claimed:
                    function.args[place].attributes.discard("noalias")
        assert len(self.pointers) <= MOST_POINTERS, "the word of a byte has room for its pointers' numbers"

    def of(self, function: ir.Function) -> bool:
        """Whether a function claims anything."""
        return function in self._numbers

    def number(self, function: ir.Function, pointer: ir.Value) -> int:
        """The number of that through which a function accesses memory; 0 where it claims nothing.

        Raises:
            UnknownOriginError: it is not known, or it is one thing or another.
        """
        numbers = self._numbers.get(function)
        if numbers is None:
            return 0
        found = {numbers.get(origin, numbers[None]) for origin in origins(pointer)}
        if len(found) > 1:
            raise UnknownOriginError("it is made through one of several pointers")
        return found.pop() if found else numbers[None]


class _Instrumentation:
    """Adds checks to instructions, and counts accesses."""

    def __init__(self, code: CheckCode, functions: Sequence[ir.Function]) -> None:
        self.code = code
        self.accesses: list[Access] = []
        self.claims = _Claims(functions)

    def add(self, function: ir.Function) -> None:
        """Put what is needed into a function."""
        self._function = function
        for block in function.blocks:
            for instruction in list(block.instructions):
                self._add_to(instruction)
        if self.claims.of(function):
            builder = ir.IRBuilder(function.entry_basic_block)
            builder.position_at_start(function.entry_basic_block)
            self.code.enter_scope(builder)

    def _add_to(self, instruction: ir.Instruction) -> None:
        match instruction:
            case ir.GEPInstr():
                # Else a pointer beyond an array would have no meaning to LLVM, which then could leave out its check.
                instruction.inbounds = False
                self._refuse_local(instruction, instruction.operands)
            case ir.LoadInstr():
                self._plain(instruction, 0, instruction.type)
            case ir.StoreInstr():
                self._refuse_local(instruction, instruction.operands[:1])
                self._plain(instruction, 1, instruction.operands[0].type)
            case ir.CallInstr():
                self._refuse_local(instruction, instruction.operands)
                self._call(instruction)
            case ir.LoadAtomicInstr() | ir.StoreAtomicInstr() | ir.AtomicRMW() | ir.CmpXchg():
                raise self._unchecked(instruction)
            case _:
                self._refuse_local(instruction, instruction.operands)

    def _unchecked(self, instruction: ir.Instruction, why: str = "") -> UncheckedAccessError:
        text = f"there is no check for {_text(instruction)}, in {self._function.name}"
        return UncheckedAccessError(f"{text}: {why}" if why else text)

    def _refuse_local(self, instruction: ir.Instruction, operands: Sequence[ir.Value]) -> None:
        """Local variables are known to be accessed by their names alone."""
        if any(isinstance(operand, ir.AllocaInstr) for operand in operands):
            raise self._unchecked(instruction)

    def _plain(self, instruction: ir.Instruction, place: int, type: ir.Type) -> None:
        """A load or a store, whose operand number `place` is the pointer."""
        pointer = instruction.operands[place]
        if isinstance(pointer, ir.AllocaInstr):
            if pointer.allocated_type != type:
                raise self._unchecked(instruction)
            return
        bytes = stored_bytes(type)
        natural = bytes & -bytes if isinstance(type, ir.VectorType) else bytes
        self._check(instruction, place, _INDEX(bytes), instruction.align or natural)

    def _call(self, instruction: ir.CallInstr) -> None:
        callee = instruction.callee
        if not isinstance(callee, ir.Function):
            raise self._unchecked(instruction)
        if callee.name.startswith(_FETCHES):
            return
        passes_pointers = any(_is_pointer(argument.type) for argument in instruction.args)
        if not callee.blocks:
            self._intrinsic(instruction, callee.name, passes_pointers=passes_pointers)
        elif passes_pointers and self.claims.of(
            self._function
        ):  # it is checked itself, but not for its caller's claims
            raise self._unchecked(instruction, "claims are known of functions that pass no pointer on")

    def _intrinsic(self, instruction: ir.CallInstr, name: str, *, passes_pointers: bool) -> None:
        match ".".join(name.split(".")[:3]):
            case "llvm.masked.load":
                self._masked(instruction, 0, instruction.type)
            case "llvm.masked.store":
                self._masked(instruction, 1, instruction.args[0].type)
            case "llvm.masked.gather":
                self._each_lane(instruction, 0, instruction.type)
            case "llvm.masked.scatter":
                self._each_lane(instruction, 1, instruction.args[0].type)
            case "llvm.x86.ldtilecfg":
                self._check(instruction, 1, _INDEX(CONFIGURATION_BYTES), 1)
            case "llvm.x86.tileloadd64" | "llvm.x86.tilestored64":
                self._rows_of_tile(instruction, stores="store" in name)
            case _ if name.startswith("llvm.memset."):
                self._block(instruction, [(0, True)])
            case _ if name.startswith(("llvm.memcpy.", "llvm.memmove.")):
                self._block(instruction, [(0, True), (1, False)])
            case _ if passes_pointers:
                raise self._unchecked(instruction)
            case _:
                pass  # of numbers alone

    def _masked(self, instruction: ir.CallInstr, place: int, type: ir.Type) -> None:
        """A load or a store of some lanes, whose argument number `place` is the pointer."""
        pointer, alignment, mask = instruction.args[place : place + 3]
        manner = self._append(instruction, pointer, place == 1, alignment.constant)
        item = (stored_bytes(type.element), alignment.constant)
        found = self.code.checked_lanes(_before(instruction), pointer, mask, item, manner)
        _replace(instruction, place + 1, found)

    def _each_lane(self, instruction: ir.CallInstr, place: int, type: ir.Type) -> None:
        """A load or a store of some lanes, whose argument number `place` is the vector of their pointers."""
        pointers, alignment, mask = instruction.args[place : place + 3]
        manner = self._append(instruction, pointers, place == 1, alignment.constant)
        builder = _before(instruction)
        bytes = _INDEX(stored_bytes(type.element))
        for lane in range(type.count):
            size = builder.select(builder.extract_element(mask, _LANE(lane)), bytes, _INDEX(0))
            pointer = builder.extract_element(pointers, _LANE(lane))
            found = self.code.checked(builder, pointer, size, alignment.constant, manner)
            pointers = builder.insert_element(pointers, found, _LANE(lane))
        _replace(instruction, place + 1, pointers)

    def _rows_of_tile(self, instruction: ir.CallInstr, *, stores: bool) -> None:
        """A load or a store of a register of AMX. Where it is not allowed, each row is the same one of the sink."""
        register, pointer, row = instruction.args
        manner = self._append(instruction, pointer, stores, 1)
        builder = _before(instruction)
        found = self.code.checked_tile(builder, register.constant, pointer, row, manner)
        allowed = builder.icmp_unsigned("==", found, pointer)
        _replace(instruction, 2, found)
        _replace(instruction, 3, builder.select(allowed, row, _INDEX(0)))

    def _block(self, instruction: ir.CallInstr, pointers: list[tuple[int, bool]]) -> None:
        """What fills or copies memory: for each pointer the argument's number, and whether it is written there.

        It does nothing where one of them is not allowed: the sink has no room for it.
        """
        wanted = instruction.args[2]
        for place, stores in pointers:
            size = instruction.args[2]
            pointer = instruction.args[place]
            found = self._check(instruction, place + 1, wanted, 1, stores=stores)
            builder = _before(instruction)
            allowed = builder.icmp_unsigned("==", found, pointer)
            _replace(instruction, 3, builder.select(allowed, size, size.type(0)))

    def _check(
        self, instruction: ir.Instruction, place: int, bytes: ir.Value, alignment: int, *, stores: bool | None = None
    ) -> ir.Value:
        """Put a check before an instruction and have it use the pointer that the check gives."""
        stores = isinstance(instruction, ir.StoreInstr) if stores is None else stores
        pointer = instruction.operands[place]
        manner = self._append(instruction, pointer, stores, alignment)
        found = self.code.checked(_before(instruction), pointer, bytes, alignment, manner)
        _replace(instruction, place, found)
        return found

    def _append(self, instruction: ir.Instruction, pointer: ir.Value, stores: bool, alignment: int) -> Manner:
        try:
            through = self.claims.number(self._function, pointer)
        except UnknownOriginError as error:
            raise self._unchecked(instruction, str(error)) from None
        self.accesses.append(Access(self._function.name, _text(instruction), stores, alignment))
        return Manner(len(self.accesses) - 1, through, stores)


def _text(instruction: ir.Instruction) -> str:
    """The instruction, without its name. `str` would do it once and for all, and show what it no longer is."""
    pieces: list[str] = []
    instruction.descr(pieces)
    return "".join(pieces).strip()


def _is_pointer(type: ir.Type) -> bool:
    return isinstance(type.element if isinstance(type, ir.VectorType) else type, ir.PointerType)


def _before(instruction: ir.Instruction) -> ir.IRBuilder:
    builder = ir.IRBuilder(instruction.parent)
    builder.position_before(instruction)
    return builder


def _replace(instruction: ir.Instruction, place: int, value: ir.Value) -> None:
    """Replace one operand; `Instruction.replace_usage` would replace it wherever it occurs."""
    instruction.operands = [value if number == place else item for number, item in enumerate(instruction.operands)]
