"""Loops over arrays that call a function of numbers: for the tests of such functions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir

from asg_executor.engines.native.kernel_spec import define_kernel
from asg_executor.engines.native.math.functions import math_function, polygamma_function
from asg_schema.dtype import DType
from executor.native.checked_running import bordered, run_kernel

_INDEX = ir.IntType(64)
_POINTER = ir.PointerType()


@dataclass(frozen=True)
class MathLoop:
    """y[i] = f(x[i]) or f(x1[i], x2[i]); the arguments are the operands, then the result.

    The name of `polygamma` has its order behind it: `polygamma 2`.
    """

    name: str
    dtype: DType
    units: int
    scratch_bytes: int = 0

    def define(self, module: ir.Module) -> None:
        function = define_kernel(module)
        name, _, order = self.name.partition(" ")
        if order:
            callee = polygamma_function(module, int(order), self.dtype)
        else:
            callee = math_function(module, name, self.dtype)
        number = ir.FloatType() if self.dtype == DType.FLOAT32 else ir.DoubleType()
        arguments, begin, end, _, _ = function.args
        builder = ir.IRBuilder(function.append_basic_block("begin"))
        arrays: list[Any] = [
            builder.load(builder.gep(arguments, [_INDEX(place)], source_etype=_POINTER), typ=_POINTER)
            for place in range(len(callee.args) + 1)
        ]
        each, done = function.append_basic_block("each"), function.append_basic_block("done")
        before = builder.block
        builder.cbranch(builder.icmp_signed("<", begin, end), each, done)
        builder.position_at_end(each)
        index = builder.phi(_INDEX)
        places = [builder.gep(array, [index], source_etype=number) for array in arrays]
        values = [builder.load(place, typ=number) for place in places[:-1]]
        builder.store(builder.call(callee, values), places[-1])
        following = builder.add(index, _INDEX(1))
        index.add_incoming(begin, before)
        index.add_incoming(following, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, end), each, done)
        builder.position_at_end(done)
        builder.ret_void()


def evaluate(name: str, *operands: Any) -> Any:
    """The function at each element of one-dimensional arrays, of single or double precision, of one length."""
    arrays = [np.ascontiguousarray(operand) for operand in operands]
    result = bordered(np.empty_like(arrays[0]))
    addresses = [array.ctypes.data for array in (*arrays, result)]
    run_kernel(MathLoop(name, DType(result.dtype.name), result.size), addresses, arrays, [result])
    return result
