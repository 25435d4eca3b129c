"""Kernels that reach as far as they are told to: for the tests of what checks them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from llvmlite import ir

from asg_executor.engines.native.kernel_spec import define_inner, define_kernel

_INDEX = ir.IntType(64)
_BYTE = ir.IntType(8)
_LANE = ir.IntType(32)
_CONDITION = ir.IntType(1)
_POINTER = ir.PointerType()
_FLOAT = ir.FloatType()
LANES = 4
_VECTOR = ir.VectorType(_FLOAT, LANES)
_POINTERS = ir.VectorType(_POINTER, LANES)
_MASK = ir.VectorType(_CONDITION, LANES)
_ZERO = ir.Constant(_VECTOR, None)


@dataclass(frozen=True)
class Given:
    """What a kernel has to do with: the arrays x and y, scratch memory, its unit, and the number it is told."""

    builder: ir.IRBuilder
    x: ir.Value
    y: ir.Value
    scratch: ir.Value
    unit: ir.Value
    number: int

    def at(self, pointer: ir.Value, offset: ir.Value) -> ir.Value:
        return self.builder.gep(pointer, [offset], source_etype=_FLOAT, inbounds=True)

    @property
    def offset(self) -> ir.Value:
        return self.builder.add(self.unit, _INDEX(self.number))

    def read(self, pointer: ir.Value) -> ir.Value:
        return self.builder.load(pointer, typ=_FLOAT)

    def write(self, value: ir.Value) -> None:
        self.builder.store(value, self.at(self.y, self.unit))

    def call(self, name: str, result: ir.Type, arguments: list[ir.Value]) -> ir.Value:
        signature = ir.FunctionType(result, [argument.type for argument in arguments])
        return self.builder.call(self.builder.module.declare_intrinsic(name, (), signature), arguments)

    def first_lanes(self) -> ir.Value:
        """The mask of as many lanes as the number says; no constant, as those of kernels mostly are none."""
        numbers = ir.Constant(ir.VectorType(_INDEX, LANES), list(range(LANES)))
        count = self.builder.add(self.builder.mul(self.unit, _INDEX(0)), _INDEX(self.number))
        one = self.builder.insert_element(ir.Constant(numbers.type, ir.Undefined), count, _LANE(0))
        every = self.builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(_LANE, LANES), None))
        return self.builder.icmp_signed("<", numbers, every)

    def neighbours(self, pointer: ir.Value) -> ir.Value:
        """The pointers to a vector of neighbours."""
        pointers: ir.Value = ir.Constant(_POINTERS, ir.Undefined)
        for lane in range(LANES):
            pointers = self.builder.insert_element(pointers, self.at(pointer, _INDEX(lane)), _LANE(lane))
        return pointers


def _load(given: Given) -> None:
    given.write(given.read(given.at(given.x, given.offset)))


def _store(given: Given) -> None:
    given.builder.store(given.read(given.at(given.x, given.unit)), given.at(given.y, given.offset))


def _store_to_operand(given: Given) -> None:
    given.builder.store(_FLOAT(1.0), given.at(given.x, given.offset))


def _scratch(given: Given) -> None:
    place = given.at(given.scratch, _INDEX(given.number))
    given.builder.store(_FLOAT(1.0), place)
    given.write(given.read(place))


def _unset_scratch(given: Given) -> None:
    given.write(given.read(given.at(given.scratch, _INDEX(given.number))))


def _wild(given: Given) -> None:
    """At an address at the very end of what 64 bits can name."""
    given.write(given.read(given.builder.inttoptr(_INDEX(-given.number), _POINTER)))


def _askew(given: Given) -> None:
    place = given.builder.gep(given.x, [_INDEX(given.number)], source_etype=_BYTE)
    given.write(given.read(place))


def _masked_load(given: Given) -> None:
    found = given.call(f"llvm.masked.load.v{LANES}f32.p0", _VECTOR, [given.x, _LANE(4), given.first_lanes(), _ZERO])
    given.write(given.builder.extract_element(found, _LANE(0)))


def _masked_store(given: Given) -> None:
    given.call(f"llvm.masked.store.v{LANES}f32.p0", ir.VoidType(), [_ZERO, given.y, _LANE(4), given.first_lanes()])


def _gather(given: Given) -> None:
    arguments = [given.neighbours(given.x), _LANE(4), given.first_lanes(), _ZERO]
    found = given.call(f"llvm.masked.gather.v{LANES}f32.v{LANES}p0", _VECTOR, arguments)
    given.write(given.builder.extract_element(found, _LANE(0)))


def _scatter(given: Given) -> None:
    arguments = [_ZERO, given.neighbours(given.y), _LANE(4), given.first_lanes()]
    given.call(f"llvm.masked.scatter.v{LANES}f32.v{LANES}p0", ir.VoidType(), arguments)


def _fill(given: Given) -> None:
    arguments = [given.y, _BYTE(0), _INDEX(4 * given.number), _CONDITION(0)]
    given.call("llvm.memset.p0.i64", ir.VoidType(), arguments)


def _copy(given: Given) -> None:
    arguments = [given.y, given.x, _INDEX(4 * given.number), _CONDITION(0)]
    given.call("llvm.memcpy.p0.p0.i64", ir.VoidType(), arguments)


def _move(given: Given) -> None:
    arguments = [given.y, given.x, _INDEX(4 * given.number), _CONDITION(0)]
    given.call("llvm.memmove.p0.p0.i64", ir.VoidType(), arguments)


def _table(given: Given) -> None:
    module = given.builder.module
    type = ir.ArrayType(_FLOAT, LANES)
    table = ir.GlobalVariable(module, type, "table")
    table.linkage, table.global_constant = "internal", True
    table.initializer = ir.Constant(type, [_FLOAT(float(number)) for number in range(LANES)])
    given.write(given.read(given.at(table, given.offset)))


def _store_to_table(given: Given) -> None:
    table = ir.GlobalVariable(given.builder.module, _FLOAT, "table")
    table.linkage, table.initializer = "internal", _FLOAT(0.0)
    given.builder.store(_FLOAT(1.0), table)


def _inner(given: Given) -> None:
    function = define_inner(given.builder.module, "inner", [_POINTER, _POINTER, _INDEX], disjoint=2)
    inner = ir.IRBuilder(function.append_basic_block())
    x, y, offset = function.args
    value = inner.load(inner.gep(x, [offset], source_etype=_FLOAT, inbounds=True), typ=_FLOAT)
    inner.store(value, y)
    inner.ret_void()
    given.builder.call(function, [given.x, given.at(given.y, given.unit), given.offset])


def _local(given: Given) -> None:
    variable = given.builder.alloca(_FLOAT)
    given.builder.store(_FLOAT(3.0), variable)
    given.write(given.read(variable))


def _doubling(given: Given) -> None:
    value = given.read(given.at(given.x, given.unit))
    given.write(given.builder.fadd(value, value))


def _configure_tile(given: Given) -> None:
    """Register 0 of AMX for as many rows of one float each as the number says."""
    content = bytearray(64)
    content[0], content[16], content[48] = 1, 4, given.number
    type = ir.ArrayType(_BYTE, len(content))
    constant = ir.GlobalVariable(given.builder.module, type, "registers")
    constant.linkage, constant.global_constant = "internal", True
    constant.initializer = ir.Constant(type, content)
    given.call("llvm.x86.ldtilecfg", ir.VoidType(), [constant])


def _load_tile(given: Given) -> None:
    _configure_tile(given)
    given.call("llvm.x86.tileloadd64", ir.VoidType(), [_BYTE(0), given.x, _INDEX(4)])
    given.call("llvm.x86.tilerelease", ir.VoidType(), [])


def _store_tile(given: Given) -> None:
    _configure_tile(given)
    given.call("llvm.x86.tilezero", ir.VoidType(), [_BYTE(0)])
    given.call("llvm.x86.tilestored64", ir.VoidType(), [_BYTE(0), given.y, _INDEX(4)])
    given.call("llvm.x86.tilerelease", ir.VoidType(), [])


def _copy_tile(given: Given) -> None:
    """From every other float, to neighbours."""
    _configure_tile(given)
    given.call("llvm.x86.tileloadd64", ir.VoidType(), [_BYTE(0), given.x, _INDEX(8)])
    given.call("llvm.x86.tilestored64", ir.VoidType(), [_BYTE(0), given.y, _INDEX(4)])
    given.call("llvm.x86.tilerelease", ir.VoidType(), [])


def _nothing(given: Given) -> None:
    pass


def _store_to_one(given: Given) -> None:
    given.builder.store(_FLOAT(1.0), given.at(given.y, _INDEX(given.number)))


def _within(given: Given) -> None:
    given.write(given.read(given.at(given.y, given.offset)))


def _promising(given: Given, pointers: list[ir.Value], disjoint: int) -> tuple[ir.IRBuilder, list[ir.Value]]:
    """A function "promising" that is called with these pointers, the first of which it claims to be disjoint."""
    types = [pointer.type for pointer in pointers]
    function = define_inner(given.builder.module, "promising", types, disjoint=disjoint)
    given.builder.call(function, pointers)
    return ir.IRBuilder(function.append_basic_block()), list(function.args)


def _move_vector(builder: ir.IRBuilder, source: ir.Value, target: ir.Value) -> None:
    builder.store(builder.load(source, typ=_VECTOR, align=4), target, align=4)
    builder.ret_void()


def _claimed(given: Given) -> None:
    builder, (source, target) = _promising(given, [given.at(given.y, given.offset), given.at(given.y, given.unit)], 2)
    _move_vector(builder, source, target)


def _claimed_in_turns(given: Given) -> None:
    """The first unit reads what it writes, and the others do not."""
    source = given.at(given.y, given.builder.mul(given.unit, _INDEX(LANES)))
    builder, (source, target) = _promising(given, [source, given.y], 2)
    _move_vector(builder, source, target)


def _claimed_of_one(given: Given) -> None:
    """Of the pointer to which it writes alone."""
    builder, (target, source) = _promising(given, [given.y, given.at(given.y, given.offset)], 1)
    _move_vector(builder, source, target)


def _claimed_of_numbers(given: Given) -> None:
    """It computes its pointers as numbers, and chooses between two of the same origin."""
    builder, (source, target) = _promising(given, [given.at(given.y, given.offset), given.y], 2)
    address = builder.add(builder.ptrtoint(source, _INDEX), _INDEX(0))
    _move_vector(builder, builder.select(_CONDITION(1), builder.inttoptr(address, _POINTER), source), target)


def _claimed_later_written(given: Given) -> None:
    """A byte is reached through both pointers, and written only then."""
    builder, (source, target) = _promising(given, [given.at(given.y, given.offset), given.y], 2)
    found = builder.fadd(builder.load(source, typ=_FLOAT), builder.load(target, typ=_FLOAT))
    builder.store(found, target)
    builder.ret_void()


def _claimed_and_read(given: Given) -> None:
    """It writes x + y through a third pointer; x and y may be the same."""
    pointers = [given.at(given.y, given.offset), given.y, given.at(given.y, _INDEX(LANES))]
    builder, (a, b, target) = _promising(given, pointers, 3)
    builder.store(builder.fadd(builder.load(a, typ=_FLOAT), builder.load(b, typ=_FLOAT)), target)
    builder.ret_void()


def _claimed_of_scratch(given: Given) -> None:
    builder, (source, target) = _promising(given, [given.scratch, given.at(given.scratch, given.offset)], 2)
    _move_vector(builder, source, target)


def _claimed_lanes(given: Given) -> None:
    """It writes the first lanes of y, and reads a lane of it."""
    pointers = [given.y, given.at(given.y, _INDEX(1)), given.first_lanes()]
    builder, (target, source, mask) = _promising(given, pointers, 2)
    builder.store(builder.load(source, typ=_FLOAT), builder.gep(source, [_INDEX(LANES)], source_etype=_FLOAT))
    inside = replace(given, builder=builder)
    inside.call(f"llvm.masked.store.v{LANES}f32.p0", ir.VoidType(), [_ZERO, target, _LANE(4), mask])
    builder.ret_void()


KERNELS: Mapping[str, Callable[[Given], None]] = {
    "load": _load,
    "store": _store,
    "store to an operand": _store_to_operand,
    "scratch": _scratch,
    "unset scratch": _unset_scratch,
    "wild": _wild,
    "askew": _askew,
    "masked load": _masked_load,
    "masked store": _masked_store,
    "gather": _gather,
    "scatter": _scatter,
    "fill": _fill,
    "copy": _copy,
    "move": _move,
    "table": _table,
    "store to a table": _store_to_table,
    "inner": _inner,
    "local": _local,
    "doubling": _doubling,
    "load of a tile": _load_tile,
    "store of a tile": _store_tile,
    "copy of a tile": _copy_tile,
    "nothing": _nothing,
    "store to one": _store_to_one,
    "within": _within,
    "claimed": _claimed,
    "claimed in turns": _claimed_in_turns,
    "claimed of one": _claimed_of_one,
    "claimed of numbers": _claimed_of_numbers,
    "claimed, later written": _claimed_later_written,
    "claimed and read": _claimed_and_read,
    "claimed of scratch": _claimed_of_scratch,
    "claimed lanes": _claimed_lanes,
}


@dataclass(frozen=True)
class Reaching:
    """A kernel spec. The arguments are x and y; a unit is an element of both.

    Attributes:
        kind: what it does for each unit: one of `KERNELS`.
        number: how far it reaches.
        units: how many there are.
        scratch_bytes: how much scratch memory it says that it needs.
    """

    kind: str
    number: int = 0
    units: int = 1
    scratch_bytes: int = 0

    def define(self, module: ir.Module) -> None:
        """See `KernelSpec`."""
        function = define_kernel(module)
        arguments, begin, end, _, scratch = function.args
        builder = ir.IRBuilder(function.append_basic_block("begin"))
        x = builder.load(arguments, typ=_POINTER)
        y = builder.load(builder.gep(arguments, [_INDEX(1)], source_etype=_POINTER), typ=_POINTER)
        each, done = function.append_basic_block("each"), function.append_basic_block("done")
        before = builder.block
        builder.cbranch(builder.icmp_signed("<", begin, end), each, done)
        builder.position_at_end(each)
        unit = builder.phi(_INDEX)
        KERNELS[self.kind](Given(builder, x, y, scratch, unit, self.number))
        following = builder.add(unit, _INDEX(1))
        unit.add_incoming(begin, before)
        unit.add_incoming(following, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, end), each, done)
        builder.position_at_end(done)
        builder.ret_void()
