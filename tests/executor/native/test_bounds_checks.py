"""A kernel that reaches beyond its arrays is caught, whatever it does there, and does no damage."""

import re
from pathlib import Path

import numpy as np
import pytest
from llvmlite import ir

from asg_executor.engines.native.bounds.checked_spec import CheckedSpec
from asg_executor.engines.native.bounds.instrumentation import UncheckedAccessError, instrument
from asg_executor.engines.native.compilation import vector_unit
from asg_executor.engines.native.kernel_files import KernelFiles
from asg_executor.engines.native.object_code import ObjectCode
from asg_executor.errors import OutOfBoundsError
from asg_executor.plan.arrays import Array
from executor.native.checked_running import range_of, run_checked
from executor.native.wrong_kernels import LANES, Reaching

_SIZE = 3  # elements of x and y
_POINTER = ir.PointerType()
_INDEX = ir.IntType(64)


class Side:
    """x and y amid other numbers, as arrays in an arena lie."""

    def __init__(self) -> None:
        self.arena = np.arange(32, dtype=np.float32)
        self.x = self.arena[8 : 8 + _SIZE]
        self.y = self.arena[16 : 16 + _SIZE]

    def run(self, spec: Reaching, parts: int = 1, plain: Reaching | None = None) -> Array:
        """y, after the kernel has run, and then without checks it or `plain`."""
        before = self.arena.copy()
        try:
            run_checked(
                spec,
                (self.x.ctypes.data, self.y.ctypes.data),
                [range_of('the memory of "x"', self.x)],
                [range_of('the memory of "y"', self.y)],
                parts,
                kept=[self.y],
                block=self.arena.view(np.uint8),
                plain=plain,
            )
        finally:
            before[16 : 16 + _SIZE] = self.y
            np.testing.assert_array_equal(self.arena, before)  # nothing was written but y
        return self.y

    def fails(self, spec: Reaching, message: str, parts: int = 1) -> None:
        with pytest.raises(OutOfBoundsError, match=message):
            self.run(spec, parts)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            Reaching("load", 1, _SIZE),
            'node "y" reads 4 bytes at 0x[0-9a-f]+, 0 bytes behind the end of the memory of "x"',
        ),
        (Reaching("load", -1, _SIZE), 'reads 4 bytes at .*, 4 bytes before the beginning of the memory of "x", of 12'),
        (Reaching("store", 1, _SIZE), 'writes 4 bytes at .*, 0 bytes behind the end of the memory of "y", of 12 bytes'),
        (Reaching("store", -2, _SIZE), 'writes 4 bytes at .*, 8 bytes before the beginning of the memory of "y"'),
        (Reaching("store to an operand"), 'writes 4 bytes at .*, in the memory of "x", which it may only read'),
        (Reaching("scratch", 16, 1, 64), "writes 4 bytes at .*, 0 bytes behind the end of its scratch memory, of 64"),
        (
            Reaching("scratch", 0, 1, 0),
            "writes 4 bytes at .*, 0 bytes behind the end of its scratch memory, of 0 bytes",
        ),
        (Reaching("wild", 4), "reads 4 bytes at 0xfffffffffffffffc"),
        (Reaching("wild", 1), "reads 4 bytes at 0xffffffffffffffff"),
        (Reaching("askew", 2), "reads 4 bytes at .*, which is no multiple of 4, as the instruction says"),
        (Reaching("askew", 10), 'reads 4 bytes at .*, the last 2 of them behind the end of the memory of "x"'),
        (Reaching("masked load", _SIZE + 1), 'reads 4 bytes at .*, 0 bytes behind the end of the memory of "x"'),
        (Reaching("masked store", _SIZE + 1), 'writes 4 bytes at .*, 0 bytes behind the end of the memory of "y"'),
        (Reaching("gather", _SIZE + 1), 'reads 4 bytes at .*, 0 bytes behind the end of the memory of "x"'),
        (Reaching("scatter", _SIZE + 1), 'writes 4 bytes at .*, 0 bytes behind the end of the memory of "y"'),
        (Reaching("fill", _SIZE + 1), 'writes 16 bytes at .*, the last 4 of them behind the end of the memory of "y"'),
        (Reaching("copy", _SIZE + 1), 'writes 16 bytes at .*, the last 4 of them behind the end of the memory of "y"'),
        (Reaching("move", _SIZE + 1), 'writes 16 bytes at .*, the last 4 of them behind the end of the memory of "y"'),
        (Reaching("table", LANES), "reads 4 bytes"),
        (Reaching("store to a table"), "writes 4 bytes"),
        (Reaching("inner", 1, _SIZE), 'of the function "inner". The kernel is Reaching'),
    ],
    ids=lambda value: f"{value.kind} {value.number}" if isinstance(value, Reaching) else "",
)
def test_what_reaches_too_far_is_caught(spec: Reaching, message: str) -> None:
    Side().fails(spec, message)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (Reaching("load", 0, _SIZE), [8, 9, 10]),
        (Reaching("load", 2), [10, 17, 18]),
        (Reaching("store", 2), [16, 17, 8]),
        (Reaching("scratch", 15, 1, 64), [1, 17, 18]),
        (Reaching("masked load", _SIZE), [8, 17, 18]),
        (Reaching("masked load", 0), [0, 17, 18]),
        (Reaching("masked store", _SIZE), [0, 0, 0]),
        (Reaching("gather", _SIZE), [8, 17, 18]),
        (Reaching("scatter", _SIZE), [0, 0, 0]),
        (Reaching("fill", _SIZE), [0, 0, 0]),
        (Reaching("fill", 0), [16, 17, 18]),
        (Reaching("copy", _SIZE), [8, 9, 10]),
        (Reaching("move", 2), [8, 9, 18]),
        (Reaching("table", 0, _SIZE), [0, 1, 2]),
        (Reaching("inner", 0, _SIZE), [8, 9, 10]),
        (Reaching("local"), [3, 17, 18]),
    ],
    ids=lambda value: f"{value.kind} {value.number}" if isinstance(value, Reaching) else "",
)
def test_what_stays_inside_is_done(spec: Reaching, expected: list[float]) -> None:
    np.testing.assert_array_equal(Side().run(spec), expected)


needs_amx = pytest.mark.skipif(not vector_unit().multiplies_tiles, reason="the processor has no AMX")


@needs_amx
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (Reaching("load of a tile", _SIZE + 1), 'reads 4 bytes at .*, 0 bytes behind the end of the memory of "x"'),
        (Reaching("store of a tile", _SIZE + 1), 'writes 4 bytes at .*, 0 bytes behind the end of the memory of "y"'),
        (Reaching("copy of a tile", 3), 'reads 4 bytes at .*, 4 bytes behind the end of the memory of "x"'),
    ],
    ids=lambda value: f"{value.kind} {value.number}" if isinstance(value, Reaching) else "",
)
def test_a_tile_that_reaches_too_far_is_caught(spec: Reaching, message: str) -> None:
    Side().fails(spec, message)


@needs_amx
@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (Reaching("load of a tile", _SIZE), [16, 17, 18]),
        (Reaching("store of a tile", 2), [0, 0, 18]),
        (Reaching("copy of a tile", 2), [8, 10, 18]),
    ],
    ids=lambda value: f"{value.kind} {value.number}" if isinstance(value, Reaching) else "",
)
def test_a_tile_that_stays_inside_is_done(spec: Reaching, expected: list[float]) -> None:
    np.testing.assert_array_equal(Side().run(spec), expected)


def test_the_first_such_access_is_told_and_all_are_counted() -> None:
    spec = Reaching("load", 1, 5)  # of 5 units the last 3 are beyond x, and the last 2 beyond y
    Side().fails(spec, r"reads 4 bytes .*, 0 bytes behind .* makes 5 such accesses; the instruction is `.*load float")


def test_a_violation_names_its_part() -> None:
    Side().fails(Reaching("store", 1, _SIZE), "It is part 2 of the call, which makes 1 such", parts=3)


def test_a_kernel_is_told_in_full_but_not_at_any_length() -> None:
    Side().fails(Reaching("load", 1, _SIZE), re.escape("The kernel is Reaching(kind='load', number=1, units=3"))


def test_scratch_memory_is_nan_before_each_part() -> None:
    assert np.isnan(Side().run(Reaching("unset scratch", 0, _SIZE, 4), parts=3)).all()


def test_machine_code_that_writes_more_than_its_kernel_says_is_caught() -> None:
    side = Side()
    side.arena[16 + _SIZE] = side.x[-1]  # what is written there is not told by its being another number
    good = Reaching("store", 0, _SIZE)
    with pytest.raises(
        OutOfBoundsError,
        match=r'of node "y" changes . bytes beside the memory of "y", the nearest of them . bytes behind the end, '
        r"though none of the kernel's instructions says so. The kernel is Reaching",
    ):
        side.run(good, plain=Reaching("store", 1, _SIZE))
    with pytest.raises(OutOfBoundsError, match=r"the nearest of them . bytes before the beg"):
        side.run(good, plain=Reaching("store", -1, _SIZE))


@pytest.mark.parametrize("kept", [True, False])
def test_the_second_call_finds_what_the_first_found(kept: bool) -> None:
    """Else a kernel that computes in place would do so twice."""
    side = Side()
    y = range_of("y", side.y)
    addresses = (side.y.ctypes.data, side.y.ctypes.data)
    run_checked(Reaching("doubling", 0, _SIZE), addresses, [], [y], kept=[side.y] if kept else [])
    np.testing.assert_array_equal(side.y, np.array([16, 17, 18]) * (2 if kept else 4))


def test_what_is_not_written_is_nan() -> None:
    side = Side()
    x, y = range_of("x", side.x), range_of("y", side.y)
    addresses = (side.x.ctypes.data, side.y.ctypes.data)
    run_checked(Reaching("load", 0, 2), addresses, [x], [y], poisoned=[side.y])
    np.testing.assert_array_equal(side.y, [8, 9, np.nan])


def test_a_later_call_knows_nothing_of_an_earlier_one() -> None:
    side = Side()
    side.fails(Reaching("load", 1, _SIZE), "reads 4 bytes")
    side.run(Reaching("load", 0, _SIZE))


def test_checked_code_is_kept_apart_from_code_without_checks(tmp_path: Path) -> None:
    spec = Reaching("load", 0, _SIZE)
    code = ObjectCode(KernelFiles(tmp_path))
    plain, checked = code.functions([spec, CheckedSpec.of(spec, 2)])
    assert plain.address != checked.address
    assert code.compiled == 2


def test_kinds_of_one_name_are_kept_apart() -> None:
    other = type("Reaching", (Reaching,), {"__module__": "elsewhere"})
    assert repr(CheckedSpec.of(other("load"), 2)) != repr(CheckedSpec.of(Reaching("load"), 2))


@pytest.mark.parametrize("kind", ["atomic", "local address", "local as another type", "unknown", "assembly"])
def test_what_cannot_be_checked_is_refused(kind: str) -> None:
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [_POINTER] * 2), "kernel")
    builder = ir.IRBuilder(function.append_basic_block())
    place, _ = function.args
    if kind == "atomic":
        builder.load_atomic(place, "seq_cst", 8, typ=_INDEX)
    elif kind == "local address":
        builder.gep(builder.alloca(_INDEX), [_INDEX(1)], source_etype=_INDEX)
    elif kind == "local as another type":
        builder.load(builder.alloca(ir.IntType(32)), typ=_INDEX)
    elif kind == "unknown":
        signature = ir.FunctionType(ir.VoidType(), [_POINTER])
        builder.call(ir.Function(module, signature, "elsewhere"), [place])
    else:
        builder.asm(ir.FunctionType(ir.VoidType(), [_POINTER]), "", "r", [place], True)
    builder.ret_void()
    with pytest.raises(UncheckedAccessError, match=r"there is no check for .*, in kernel"):
        instrument(module, 1, 0)
