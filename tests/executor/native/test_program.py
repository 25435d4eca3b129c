"""Programs make their calls in order, each part with its units and memory of its own."""

from dataclasses import dataclass

import numpy as np
import pytest
from llvmlite import ir

from asg_executor.engines.native.kernel_spec import define_kernel
from asg_executor.engines.native.object_code import functions
from asg_executor.engines.native.program import Call, NativeProgram
from executor.native.kernels import Affine

_INDEX = ir.IntType(64)
_POINTER = ir.PointerType()


@dataclass(frozen=True)
class Report:
    """Writes begin, end, part and scratch into row `part` of its argument."""

    units: int
    scratch_bytes: int = 0

    def define(self, module: ir.Module) -> None:
        function = define_kernel(module)
        arguments, begin, end, part, scratch = function.args
        builder = ir.IRBuilder(function.append_basic_block("begin"))
        table = builder.load(arguments, typ=_POINTER)
        values = (begin, end, part, builder.ptrtoint(scratch, _INDEX))
        for column, value in enumerate(values):
            place = builder.add(builder.mul(part, _INDEX(len(values))), _INDEX(column))
            builder.store(value, builder.gep(table, [place], source_etype=_INDEX))
        builder.ret_void()


def test_calls_are_made_in_order() -> None:
    double, triple = functions([Affine(50, 2.0), Affine(50, 3.0)])
    x, y, z = np.arange(50, dtype=np.float32), np.zeros(50, np.float32), np.zeros(50, np.float32)
    arguments = [(x.ctypes.data, y.ctypes.data), (y.ctypes.data, z.ctypes.data), (z.ctypes.data, x.ctypes.data)]
    program = NativeProgram(
        [Call(double, arguments[0], 50), Call(triple, arguments[1], 50), Call(double, arguments[2], 50)]
    )
    program.run()
    assert (x == np.arange(50) * 12).all()
    program.run()
    assert (x == np.arange(50) * 144).all()


@pytest.mark.parametrize(("units", "parts"), [(10, 1), (10, 2), (10, 3), (2, 4), (0, 2)])
def test_units_are_divided_into_parts(units: int, parts: int) -> None:
    (report,) = functions([Report(units)])
    table = np.full((parts, 4), -1, np.int64)
    NativeProgram([Call(report, (table.ctypes.data,), units, parts)]).run()
    assert table[0, 0] == 0
    assert table[-1, 1] == units
    assert (table[1:, 0] == table[:-1, 1]).all()
    assert list(table[:, 2]) == list(range(parts))
    assert np.ptp(table[:, 1] - table[:, 0]) <= 1


def test_scratch_memory_is_aligned_and_large_enough() -> None:
    (report,) = functions([Report(1, 1000)])
    table = np.zeros((1, 4), np.int64)
    program = NativeProgram([Call(report, (table.ctypes.data,), 1, scratch_bytes=size) for size in (10, 1000, 5)])
    program.run()
    assert table[0, 3] % 64 == 0
    assert program.held_bytes >= 1000


def test_a_program_without_calls_does_nothing() -> None:
    NativeProgram([]).run()
