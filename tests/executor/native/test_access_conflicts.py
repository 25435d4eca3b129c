"""Parts that are in each other's way, and wrong claims about pointers, are caught; what is right is left alone."""

import ctypes

import numpy as np
import pytest
from llvmlite import ir

from asg_executor.engines.native.bounds.instrumentation import UncheckedAccessError, instrument
from asg_executor.engines.native.bounds.stage_record import Conflict, StageRecord
from asg_executor.engines.native.kernel_spec import define_inner, define_kernel
from asg_executor.errors import AccessConflictError
from asg_executor.plan.arrays import Array
from executor.native.checked_running import range_of, run_checked
from executor.native.wrong_kernels import LANES, Reaching

_POINTER = ir.PointerType()
_INDEX = ir.IntType(64)
_FLOAT = ir.FloatType()


def run(spec: Reaching, parts: int = 1) -> Array:
    """What y is, after a kernel has run; it began as 0, 1, …"""
    x, y = np.arange(100, 116, dtype=np.float32), np.arange(16, dtype=np.float32)
    reads, writes = [range_of('the memory of "x"', x)], [range_of('the memory of "y"', y)]
    run_checked(spec, (x.ctypes.data, y.ctypes.data), reads, writes, parts, kept=[y])
    return y


@pytest.mark.parametrize(
    ("spec", "parts", "message"),
    [
        (
            Reaching("store to one", 2, 4),
            4,
            r'part 0 writes, and part 1 writes, the bytes from 8 to 11 of the memory of "y"; there are 4 such bytes. '
            "The kernel is Reaching",
        ),
        (
            Reaching("within", 1, 4),
            4,
            r"part 1 writes, and part 0 reads, the bytes from 4 to 7 of .*; there are 12 such bytes",
        ),
        (
            Reaching("within", 2, 6),
            3,
            r"part 1 writes, and part 0 reads, the bytes from 8 to 15 of .*; there are 16 such bytes",
        ),
        (Reaching("masked store", 1, 2), 2, "part 0 writes, and part 1 writes, the bytes from 0 to 3 of"),
        (Reaching("scatter", 2, 2), 2, "part 0 writes, and part 1 writes, the bytes from 0 to 7 of"),
        (Reaching("fill", 3, 2), 2, "part 0 writes, and part 1 writes, the bytes from 0 to 11 of"),
        (Reaching("copy", 3, 2), 2, "part 0 writes, and part 1 writes, the bytes from 0 to 11 of"),
    ],
    ids=lambda value: value.kind if isinstance(value, Reaching) else "",
)
def test_parts_in_each_others_way_are_told(spec: Reaching, parts: int, message: str) -> None:
    with pytest.raises(AccessConflictError, match=message):
        run(spec, parts)
    run(spec)  # one part does as it likes


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        (Reaching("load", 1, 8), 4),
        (Reaching("store", 3, 8), 4),
        (Reaching("within", 0, 8), 4),
        (Reaching("within", 8, 8), 4),  # all parts read what none of them writes
        (Reaching("scratch", 0, 8, 4), 4),  # no two threads have the same scratch memory
        (Reaching("masked store", 0, 8), 4),
    ],
    ids=lambda value: f"{value.kind} {value.number}" if isinstance(value, Reaching) else "",
)
def test_parts_that_are_apart_are_left_alone(spec: Reaching, parts: int) -> None:
    run(spec, parts)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            Reaching("claimed", 1),
            r'the function "promising" in a native kernel of node "y" writes, and reaches both through argument 0, '
            r"which it claims to be noalias, and through argument 1, the bytes from 4 to 15 of the memory of \"y\"; "
            "there are 12 such bytes. The kernel is Reaching",
        ),
        (Reaching("claimed", 0), "the bytes from 0 to 15 of"),
        (
            Reaching("claimed of one", 3),
            "through argument 0, which .*, and through another pointer, the bytes from 12 to 15",
        ),
        (
            Reaching("claimed of numbers", 2),
            "through argument 0, which .*, and through argument 1, the bytes from 8 to 15",
        ),
        (Reaching("claimed, later written"), "the bytes from 0 to 3 of"),
        (Reaching("claimed of scratch", 2, 1, 24), "the bytes from 8 to 15 of its scratch memory; there are 8 such"),
        (Reaching("claimed lanes", 2), "the bytes from 4 to 7 of"),
    ],
    ids=lambda value: f"{value.kind} {value.number}" if isinstance(value, Reaching) else "",
)
def test_wrong_claims_are_told(spec: Reaching, message: str) -> None:
    with pytest.raises(AccessConflictError, match=message):
        run(spec)


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        (Reaching("claimed", LANES), 1),
        (Reaching("claimed", LANES, 2 * LANES), 1),  # what one execution writes, a later one may read otherwise
        (Reaching("claimed of one", LANES), 1),
        (Reaching("claimed of numbers", LANES), 1),
        (Reaching("claimed, later written", 1), 1),
        (Reaching("claimed and read"), 1),  # what nobody writes may be reached in any way
        (Reaching("claimed of scratch", LANES, 3, 48), 3),
        (Reaching("claimed lanes", 1), 1),  # a lane that is masked is not reached
    ],
    ids=lambda value: f"{value.kind} {value.number}" if isinstance(value, Reaching) else "",
)
def test_claims_that_hold_are_left_alone(spec: Reaching, parts: int) -> None:
    run(spec, parts)


def test_an_earlier_execution_that_was_wrong_is_not_forgotten() -> None:
    """Later ones reach the same bytes, and are right."""
    with pytest.raises(AccessConflictError, match="the bytes from 0 to 15 of"):
        run(Reaching("claimed in turns", 0, 3))


def test_a_kernel_that_was_wrong_leaves_nothing_behind() -> None:
    with pytest.raises(AccessConflictError):
        run(Reaching("store to one", 2, 4), 4)
    run(Reaching("store to one", 2, 4))


@pytest.mark.parametrize("kind", ["one of two pointers", "passed on", "read as a number"])
def test_claims_that_cannot_be_checked_are_refused(kind: str) -> None:
    module = ir.Module()
    define_kernel(module)
    function = define_inner(module, "promising", [_POINTER] * 2, disjoint=2)
    builder = ir.IRBuilder(function.append_basic_block())
    a, b = function.args
    if kind == "one of two pointers":
        builder.load(builder.select(ir.Constant(ir.IntType(1), 1), a, b), typ=_FLOAT)
    elif kind == "passed on":
        other = define_inner(module, "other", [_POINTER])
        ir.IRBuilder(other.append_basic_block()).ret_void()
        builder.call(other, [a])
    else:
        builder.load(builder.inttoptr(builder.load(a, typ=_INDEX), _POINTER), typ=_FLOAT)
    builder.ret_void()
    with pytest.raises(UncheckedAccessError, match=r"there is no check for .*, in promising: "):
        instrument(module, 1, 0)


def test_parts_of_different_calls_of_a_stage_are_told_apart() -> None:
    memory = np.zeros(8, np.uint8)
    item = range_of("y", memory)
    record = StageRecord([item], [2, 3])
    first, (address,) = record.begin(0)
    assert first == 1
    planes = _planes(address)
    planes[0, 2:5] = first + 1
    assert record.end(0) is None
    later, (same,) = record.begin(1)
    assert (later, same) == (3, address)
    planes[2, 3:6] = later + 2
    assert record.end(1) == Conflict(item, 3, 5, "part 1 of kernel 1 of 2", "part 2 of kernel 2 of 2", False, 2)
    _, (again,) = record.begin(0)
    assert not _planes(again).any()


def _planes(address: int) -> Array:
    """The record of a range of 8 bytes, where it lies."""
    return np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(ctypes.c_uint16)), (4, 8))
