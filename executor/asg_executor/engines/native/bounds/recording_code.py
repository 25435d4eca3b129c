"""`RecordingCode`: the functions of a module that write down which part, and which argument, has accessed each byte."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from llvmlite import ir

from asg_executor.engines.native.bounds.claim_record import FIRST_BITS, MODIFIED_BIT, SCOPE_BIT
from asg_executor.engines.native.bounds.table import FIRST_WRITABLE, RANGE_WORDS, RangeWord, Word

__all__ = ["RecordingCode"]

_INDEX = ir.IntType(64)
_POINTER = ir.PointerType()
_CONDITION = ir.IntType(1)
_PART = ir.IntType(16)
_NOTHING = ir.VoidType()


class _Piece(NamedTuple):
    """What an access has in common with a range: where it begins there, how many bytes, and the range's."""

    offset: ir.Value
    bytes: ir.Value
    range_bytes: ir.Value


class RecordingCode:
    """Writes into the records of a call, `StageRecord` and `ClaimRecord`, which its table names.

    Args:
        module: the kernel's.
        table: where the address of the present call's table stands.
    """

    def __init__(self, module: ir.Module, table: ir.GlobalVariable) -> None:
        self._module = module
        self._table = table
        self._scope = ir.GlobalVariable(module, _INDEX, module.get_unique_name("scope"))
        self._scope.linkage = "internal"
        self._scope.initializer = _INDEX(0)
        self._parts = self._define_parts()
        self._claims = self._define_claims()
        self._record = self._define_record()

    def enter_scope(self, builder: ir.IRBuilder) -> None:
        """Begin an execution of a function that makes claims.

        Args:
            builder: where it is appended.
        """
        builder.store(builder.add(builder.load(self._scope, typ=_INDEX), _INDEX(1)), self._scope)

    def record(
        self, builder: ir.IRBuilder, place: ir.Value, bytes: ir.Value, claim: ir.Value, stores: ir.Value
    ) -> None:
        """Write down an access that is allowed.

        Args:
            builder: where it is appended.
            place: the address, as a number.
            bytes: how many it is of.
            claim: the number of the pointer that it is made through; 0 where no claim has to do with it.
            stores: whether it writes.
        """
        builder.call(self._record, [place, bytes, claim, stores])

    def _function(self, name: str, arguments: Sequence[ir.Type]) -> ir.Function:
        function = ir.Function(
            self._module, ir.FunctionType(_NOTHING, arguments), self._module.get_unique_name(f"record {name}")
        )
        function.linkage = "internal"
        for attribute in ("nounwind", "noinline"):
            function.attributes.add(attribute)
        return function

    def _define_record(self) -> ir.Function:
        """Define `void (i64 address, i64 bytes, i64 claim, i1 stores)`."""
        function = self._function("access", [_INDEX, _INDEX, _INDEX, _CONDITION])
        address, bytes, claim, stores = function.args
        builder = ir.IRBuilder(function.append_basic_block())
        table = builder.load(self._table, typ=_POINTER)
        last, first, present = (
            builder.load(builder.gep(table, [_INDEX(word)], source_etype=_INDEX), typ=_INDEX)
            for word in (Word.WRITABLE_END, Word.FIRST_OF_CALL, Word.PRESENT_PART)
        )
        part = builder.trunc(builder.add(first, present), _PART)
        behind = builder.add(address, bytes)
        with _loop(builder, _INDEX(FIRST_WRITABLE), last) as number:
            at = builder.add(builder.mul(number, _INDEX(RANGE_WORDS)), _INDEX(Word.RANGES))
            begin, end, parts, claims = (
                builder.load(builder.gep(table, [builder.add(at, _INDEX(field))], source_etype=_INDEX), typ=_INDEX)
                for field in RangeWord
            )
            low = builder.select(builder.icmp_unsigned(">", begin, address), begin, address)
            high = builder.select(builder.icmp_unsigned("<", end, behind), end, behind)
            with builder.if_then(builder.icmp_unsigned("<", low, high)):
                piece = _Piece(builder.sub(low, begin), builder.sub(high, low), builder.sub(end, begin))
                with builder.if_then(builder.icmp_unsigned("!=", parts, _INDEX(0))):
                    builder.call(self._parts, [parts, *piece, part, stores])
                wanted = builder.and_(
                    builder.icmp_unsigned("!=", claim, _INDEX(0)), builder.icmp_unsigned("!=", claims, _INDEX(0))
                )
                with builder.if_then(wanted):
                    builder.call(self._claims, [claims, piece.offset, piece.bytes, claim, stores])
        builder.ret_void()
        return function

    def _define_parts(self) -> ir.Function:
        """Define `void (i64 record, i64 offset, i64 bytes, i64 range_bytes, i16 part, i1 stores)`: a `StageRecord`."""
        function = self._function("part", [_INDEX, _INDEX, _INDEX, _INDEX, _PART, _CONDITION])
        record, offset, bytes, range_bytes, part, stores = function.args
        builder = ir.IRBuilder(function.append_basic_block())
        skipped = builder.select(stores, _INDEX(0), builder.mul(range_bytes, _INDEX(2)))
        firsts = builder.gep(builder.inttoptr(record, _POINTER), [builder.add(skipped, offset)], source_etype=_PART)
        others = builder.gep(firsts, [range_bytes], source_etype=_PART)
        with _loop(builder, _INDEX(0), bytes) as byte:
            first_at, other_at = (builder.gep(plane, [byte], source_etype=_PART) for plane in (firsts, others))
            first, other = builder.load(first_at, typ=_PART), builder.load(other_at, typ=_PART)
            none = builder.icmp_unsigned("==", first, _PART(0))
            is_first = builder.or_(none, builder.icmp_unsigned("==", first, part))
            is_known = builder.or_(is_first, builder.icmp_unsigned("!=", other, _PART(0)))
            builder.store(builder.select(none, part, first), first_at)
            builder.store(builder.select(is_known, other, part), other_at)
        builder.ret_void()
        return function

    def _define_claims(self) -> ir.Function:
        """Define `void (i64 record, i64 offset, i64 bytes, i64 claim, i1 stores)`: see `ClaimRecord`."""
        function = self._function("claim", [_INDEX, _INDEX, _INDEX, _INDEX, _CONDITION])
        record, offset, bytes, claim, stores = function.args
        builder = ir.IRBuilder(function.append_basic_block())
        fresh = builder.shl(builder.load(self._scope, typ=_INDEX), _INDEX(SCOPE_BIT))
        modified = builder.shl(builder.zext(stores, _INDEX), _INDEX(MODIFIED_BIT))
        other = builder.shl(claim, _INDEX(FIRST_BITS))
        words = builder.gep(builder.inttoptr(record, _POINTER), [offset], source_etype=_INDEX)

        def field(word: ir.Value, begin: int, end: int) -> ir.Value:
            return builder.and_(builder.lshr(word, _INDEX(begin)), _INDEX((1 << (end - begin)) - 1))

        def is_set(number: ir.Value) -> ir.Value:
            return builder.icmp_unsigned("!=", number, _INDEX(0))

        with _loop(builder, _INDEX(0), bytes) as byte:
            at = builder.gep(words, [byte], source_etype=_INDEX)
            found = builder.load(at, typ=_INDEX)
            others = field(found, FIRST_BITS, MODIFIED_BIT)
            broken = builder.and_(is_set(others), is_set(field(found, MODIFIED_BIT, SCOPE_BIT)))
            # What was broken stays for `ClaimRecord` to see; anything else of an earlier execution is forgotten.
            present = builder.icmp_unsigned("<", builder.xor(found, fresh), _INDEX(1 << SCOPE_BIT))
            word = builder.select(builder.or_(present, broken), found, fresh)
            first = field(word, 0, FIRST_BITS)
            is_first = builder.or_(builder.not_(is_set(first)), builder.icmp_unsigned("==", first, claim))
            is_other = builder.and_(builder.not_(is_first), builder.not_(is_set(field(word, FIRST_BITS, MODIFIED_BIT))))
            word = builder.or_(word, builder.select(is_first, claim, _INDEX(0)))
            word = builder.or_(word, builder.select(is_other, other, _INDEX(0)))
            builder.store(builder.or_(word, modified), at)
        builder.ret_void()
        return function


@contextmanager
def _loop(builder: ir.IRBuilder, first: ir.Value, last: ir.Value) -> Generator[ir.Value]:
    """A loop over the numbers from `first` to just before `last`; what it does goes into the context."""
    before = builder.block
    body, after = builder.append_basic_block(), builder.append_basic_block()
    builder.cbranch(builder.icmp_unsigned("<", first, last), body, after)
    builder.position_at_end(body)
    number = builder.phi(_INDEX)
    number.add_incoming(first, before)
    yield number
    following = builder.add(number, _INDEX(1))
    number.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_unsigned("<", following, last), body, after)
    builder.position_at_end(after)
