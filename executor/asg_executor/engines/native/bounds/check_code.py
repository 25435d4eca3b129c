"""`CheckCode`: the functions of a module by which its accesses are checked."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from llvmlite import ir

from asg_executor.engines.native.amx import CONFIGURATION_BYTES, HEIGHTS_AT, WIDTHS_AT
from asg_executor.engines.native.bounds.table import (
    ARGUMENTS_RANGE,
    FIRST_WRITABLE,
    RANGE_WORDS,
    SCRATCH_RANGE,
    RangeWord,
    Word,
)

__all__ = ["POISON", "CheckCode", "Manner", "stored_bytes"]

_INDEX = ir.IntType(64)
_POINTER = ir.PointerType()
_BYTE = ir.IntType(8)
_CONDITION = ir.IntType(1)
_WORD_BYTES = 8
_SINK_BYTES = 512  # as much as one instruction reads or writes at most, eight lines of the cache
_LINE_BYTES = 64
POISON = 0xFF
"""What each byte holds that nobody has written: NaN in every floating-point format, and -1."""


class Manner(NamedTuple):
    """How an instruction accesses memory.

    Attributes:
        number: its number among the kernel's accesses.
        pointer: that of the pointer through which it does, where its function makes claims; else 0. See `ClaimRecord`.
        stores: whether it writes.
    """

    number: int
    pointer: int
    stores: bool

    @property
    def arguments(self) -> list[ir.Value]:
        """It as arguments of a function."""
        return [_INDEX(self.number), _INDEX(self.pointer), _CONDITION(int(self.stores))]


_RECORDER = ir.PointerType(ir.FunctionType(ir.VoidType(), [_POINTER, _INDEX, _INDEX, _INDEX, _CONDITION]))
_MANNER_TYPES = [_INDEX, _INDEX, _CONDITION]


class CheckCode:
    """Functions that kernels call before they access memory, and the memory that these need.

    What is allowed is recorded: see `recorder`. An access that is not allowed is made to *the sink*, memory of the
    module's own, so that nothing is damaged and the kernel goes on.

    Args:
        module: the kernel's. Its constants may be read.
    """

    def __init__(self, module: ir.Module) -> None:
        self._constants: Sequence[ir.GlobalVariable] = [
            item for item in module.global_values if isinstance(item, ir.GlobalVariable)
        ]
        self._module = module
        self._table = self._variable(_POINTER, "bounds")
        self._sink = self._variable(ir.ArrayType(_BYTE, _SINK_BYTES), "sink")
        self._one = self._define_one()
        self._lanes = self._define_lanes()
        self._tiles: ir.Function | None = None

    def checked(
        self, builder: ir.IRBuilder, pointer: ir.Value, bytes: ir.Value, alignment: int, manner: Manner
    ) -> ir.Value:
        """The pointer by which an access may be made: the one that it wants, or the sink's.

        Args:
            builder: where the call is appended.
            pointer: where the access begins.
            bytes: how many it is of; of 0 it may be anywhere.
            alignment: of what the address has to be a multiple, in bytes; a power of 2.
            manner: how it is made.
        """
        return builder.call(self._one, [pointer, bytes, _INDEX(alignment), *manner.arguments])

    def checked_lanes(
        self, builder: ir.IRBuilder, pointer: ir.Value, mask: ir.Value, item: tuple[int, int], manner: Manner
    ) -> ir.Value:
        """The pointer by which an access of some lanes of a vector may be made; see `checked`.

        Args:
            builder: where the call is appended.
            pointer: where the vector begins.
            mask: which lanes are accessed.
            item: the bytes of a lane, and the alignment.
            manner: how it is made.
        """
        lanes: int = mask.type.count
        bits = builder.bitcast(mask, ir.IntType(lanes))
        wide = bits if lanes == _INDEX.width else builder.zext(bits, _INDEX)
        sizes = [_INDEX(value) for value in (lanes, *item)]
        return builder.call(self._lanes, [pointer, wide, *sizes, *manner.arguments])

    def checked_tile(
        self, builder: ir.IRBuilder, register: int, pointer: ir.Value, row: ir.Value, manner: Manner
    ) -> ir.Value:
        """The pointer by which the rows of a register of AMX may be accessed; see `checked`.

        What the register holds is read from the processor, which has been configured.

        Args:
            builder: where the call is appended.
            register: its number.
            pointer: where the first row begins.
            row: from one row to the next, in bytes.
            manner: how it is made.
        """
        if self._tiles is None:
            self._tiles = self._define_tiles()
        return builder.call(self._tiles, [pointer, row, _INDEX(register), *manner.arguments])

    def begin(self, builder: ir.IRBuilder, kernel: ir.Function, arguments: int, scratch_bytes: int) -> None:
        """What a kernel does first: find its table, enter the memory that is its part's, and poison its scratch memory.

        Args:
            builder: where it is appended.
            kernel: the kernel.
            arguments: how many it has; behind them stands the address of the table.
            scratch_bytes: how much scratch memory a part has.
        """
        given, _, _, part, scratch = kernel.args
        table = builder.load(builder.gep(given, [_INDEX(arguments)], source_etype=_POINTER), typ=_POINTER)
        builder.store(table, self._table)
        builder.store(part, _word(builder, table, Word.PRESENT_PART))
        for number, begin, size in (
            (ARGUMENTS_RANGE, given, arguments * _WORD_BYTES),
            (SCRATCH_RANGE, scratch, scratch_bytes),
        ):
            first = builder.ptrtoint(begin, _INDEX)
            at = Word.RANGES + RANGE_WORDS * number
            builder.store(first, _word(builder, table, at + RangeWord.BEGIN))
            builder.store(builder.add(first, _INDEX(size)), _word(builder, table, at + RangeWord.END))
        signature = ir.FunctionType(ir.VoidType(), [_POINTER, _BYTE, _INDEX, _CONDITION])
        fill = self._module.declare_intrinsic("llvm.memset.p0.i64", (), signature)
        builder.call(fill, [scratch, _BYTE(POISON), _INDEX(scratch_bytes), _CONDITION(0)])

    def enter_scope(self, builder: ir.IRBuilder) -> None:
        """Begin an execution of a function that makes claims.

        Args:
            builder: where it is appended.
        """
        place = _word(builder, builder.load(self._table, typ=_POINTER), Word.SCOPE)
        builder.store(builder.add(builder.load(place, typ=_INDEX), _INDEX(1)), place)

    def _variable(self, type: ir.Type, name: str) -> ir.GlobalVariable:
        variable = ir.GlobalVariable(self._module, type, self._module.get_unique_name(name))
        variable.linkage = "internal"
        variable.align = _LINE_BYTES
        variable.initializer = ir.Constant(type, None)
        return variable

    def _function(self, name: str, arguments: Sequence[ir.Type]) -> ir.Function:
        type = ir.FunctionType(_POINTER, arguments)
        function = ir.Function(self._module, type, self._module.get_unique_name(name))
        function.linkage = "internal"
        for attribute in ("nounwind", "noinline"):
            function.attributes.add(attribute)
        return function

    def _define_one(self) -> ir.Function:
        """Define `ptr checked(ptr pointer, i64 bytes, i64 alignment, …)`, where a `Manner` stands last."""
        function = self._function("checked", [_POINTER, _INDEX, _INDEX, *_MANNER_TYPES])
        pointer, bytes, alignment, number, through, stores = function.args
        builder = ir.IRBuilder(function.append_basic_block())
        table = builder.load(self._table, typ=_POINTER)
        address = builder.ptrtoint(pointer, _INDEX)
        rest = builder.and_(address, builder.sub(alignment, _INDEX(1)))
        aligned = builder.icmp_unsigned("==", rest, _INDEX(0))
        constant = builder.and_(self._in_constants(builder, address, bytes), builder.not_(stores))
        inside = builder.or_(constant, self._in_ranges(builder, table, address, bytes, stores))
        allowed = builder.or_(builder.icmp_unsigned("==", bytes, _INDEX(0)), builder.and_(inside, aligned))
        with builder.if_then(allowed):
            record = builder.load(_word(builder, table, Word.RECORDER), typ=_RECORDER)
            builder.call(record, [table, address, bytes, through, stores])
            builder.ret(pointer)
        self._note(builder, table, [number, address, bytes])
        builder.ret(self._sink)
        return function

    def _in_constants(self, builder: ir.IRBuilder, address: ir.Value, bytes: ir.Value) -> ir.Value:
        """Whether an access lies in one of the module's constants."""
        inside: ir.Value = _CONDITION(0)
        for item in self._constants:
            begin = builder.ptrtoint(item, _INDEX)
            end = builder.add(begin, _INDEX(stored_bytes(item.value_type)))
            inside = builder.or_(inside, _lies_in(builder, address, bytes, begin, end))
        return inside

    def _in_ranges(
        self, builder: ir.IRBuilder, table: ir.Value, address: ir.Value, bytes: ir.Value, stores: ir.Value
    ) -> ir.Value:
        """Whether an access lies in one of the table's ranges of its kind."""
        first = builder.select(stores, _INDEX(FIRST_WRITABLE), _INDEX(0))
        ends = [builder.load(_word(builder, table, word), typ=_INDEX) for word in (Word.WRITABLE_END, Word.RANGES_END)]
        last = builder.select(stores, *ends)
        before = builder.block
        each, after = builder.append_basic_block("each"), builder.append_basic_block("after")
        builder.branch(each)
        builder.position_at_end(each)
        number = builder.phi(_INDEX)
        place = builder.add(builder.mul(number, _INDEX(RANGE_WORDS)), _INDEX(Word.RANGES))
        bounds = [
            builder.load(builder.gep(table, [word], source_etype=_INDEX), typ=_INDEX)
            for word in (place, builder.add(place, _INDEX(1)))
        ]
        inside = _lies_in(builder, address, bytes, *bounds)
        following = builder.add(number, _INDEX(1))
        number.add_incoming(first, before)
        number.add_incoming(following, each)
        ends_here = builder.or_(inside, builder.icmp_unsigned(">=", following, last))
        builder.cbranch(ends_here, after, each)
        builder.position_at_end(after)
        return inside

    def _note(self, builder: ir.IRBuilder, table: ir.Value, fields: Sequence[ir.Value]) -> None:
        """Count an access that is not allowed, and write down the first one."""
        count_at = _word(builder, table, Word.VIOLATIONS)
        count = builder.load(count_at, typ=_INDEX)
        with builder.if_then(builder.icmp_unsigned("==", count, _INDEX(0))):
            part = builder.load(_word(builder, table, Word.PRESENT_PART), typ=_INDEX)
            places = (Word.ACCESS, Word.ADDRESS, Word.BYTES, Word.PART)
            for place, value in zip(places, [*fields, part], strict=True):
                builder.store(value, _word(builder, table, place))
        builder.store(builder.add(count, _INDEX(1)), count_at)

    def _define_tiles(self) -> ir.Function:
        """Define `ptr checked_tile(ptr pointer, i64 row, i64 register, …)`; see `_define_one`."""
        configuration = self._variable(ir.ArrayType(_BYTE, CONFIGURATION_BYTES), "configuration")
        function = self._function("checked_tile", [_POINTER, _INDEX, _INDEX, *_MANNER_TYPES])
        _, row, register, *manner = function.args
        builder = ir.IRBuilder(function.append_basic_block())
        signature = ir.FunctionType(ir.VoidType(), [_POINTER])
        builder.call(self._module.declare_intrinsic("llvm.x86.sttilecfg", (), signature), [configuration])
        rows, bytes = (
            builder.zext(builder.load(builder.gep(configuration, [place], source_etype=_BYTE), typ=type), _INDEX)
            for place, type in (
                (builder.add(register, _INDEX(HEIGHTS_AT)), _BYTE),
                (builder.add(builder.mul(register, _INDEX(2)), _INDEX(WIDTHS_AT)), ir.IntType(16)),
            )
        )
        return self._each(builder, function, rows, lambda number: (builder.mul(number, row), bytes), _INDEX(1), manner)

    def _define_lanes(self) -> ir.Function:
        """Define `ptr checked_lanes(ptr, i64 mask, i64 lanes, i64 bytes, i64 alignment, …)`; see `_define_one`."""
        function = self._function("checked_lanes", [_POINTER, *[_INDEX] * 4, *_MANNER_TYPES])
        _, mask, lanes, bytes, alignment, *manner = function.args
        builder = ir.IRBuilder(function.append_basic_block())

        def lane(number: ir.Value) -> tuple[ir.Value, ir.Value]:
            bit = builder.trunc(builder.lshr(mask, number), _CONDITION)
            return builder.mul(number, bytes), builder.select(bit, bytes, _INDEX(0))

        return self._each(builder, function, lanes, lane, alignment, manner)

    def _each(
        self,
        builder: ir.IRBuilder,
        function: ir.Function,
        count: ir.Value,
        piece: Callable[[ir.Value], tuple[ir.Value, ir.Value]],
        alignment: ir.Value,
        manner: Sequence[ir.Value],
    ) -> ir.Function:
        """Have a function return its pointer, if each piece of what lies there may be accessed, else the sink's.

        Args:
            builder: where the function goes on.
            function: its first argument is the pointer.
            count: how many pieces there are, at least one.
            piece: by its number, how many bytes behind the pointer it begins, and how many it has.
            alignment: of what their addresses have to be multiples.
            manner: how the access is made.
        """
        pointer = function.args[0]
        before, each, after = builder.block, function.append_basic_block("each"), function.append_basic_block("after")
        builder.branch(each)
        builder.position_at_end(each)
        number, found = builder.phi(_INDEX), builder.phi(_POINTER)
        offset, size = piece(number)
        wanted = builder.gep(pointer, [offset], source_etype=_BYTE)
        given = builder.call(self._one, [wanted, size, alignment, *manner])
        kept = builder.select(builder.icmp_unsigned("==", given, wanted), found, self._sink)
        following = builder.add(number, _INDEX(1))
        for phi, start, new in ((number, _INDEX(0), following), (found, pointer, kept)):
            phi.add_incoming(start, before)
            phi.add_incoming(new, each)
        builder.cbranch(builder.icmp_unsigned("<", following, count), each, after)
        builder.position_at_end(after)
        builder.ret(kept)
        return function


def _word(builder: ir.IRBuilder, table: ir.Value, word: int) -> ir.Value:
    """The pointer to a word of a table."""
    return builder.gep(table, [_INDEX(word)], source_etype=_INDEX)


def _lies_in(builder: ir.IRBuilder, address: ir.Value, bytes: ir.Value, begin: ir.Value, end: ir.Value) -> ir.Value:
    """Whether so many bytes from an address on lie in a range. No sum may run over, wherever the address is."""
    behind = builder.icmp_unsigned(">=", address, begin)
    ahead = builder.icmp_unsigned("<=", address, end)
    room = builder.icmp_unsigned(">=", builder.sub(end, address), bytes)
    return builder.and_(builder.and_(behind, ahead), room)


def stored_bytes(type: ir.Type) -> int:
    """How many bytes a load or a store of a type accesses.

    Args:
        type: of what is loaded or stored.

    Raises:
        TypeError: it is none of those that kernels use.
    """
    if isinstance(type, ir.VectorType | ir.ArrayType):
        return type.count * stored_bytes(type.element)
    if isinstance(type, ir.IntType):
        return -(-type.width // 8)
    sizes = {ir.HalfType: 2, ir.FloatType: 4, ir.DoubleType: 8, ir.PointerType: _WORD_BYTES}
    size = next((bytes for kind, bytes in sizes.items() if isinstance(type, kind)), None)
    if size is None:
        raise TypeError(f"how many bytes a value of {type} takes in memory is not known")
    return size
