"""Small kernels for the tests of what runs kernels."""

from dataclasses import dataclass

from llvmlite import ir

from asg_executor.engines.native.kernel_spec import define_kernel

_INDEX = ir.IntType(64)
_POINTER = ir.PointerType()
_FLOAT = ir.FloatType()


@dataclass(frozen=True)
class Affine:
    """y[i] = factor · x[i] + part, where the second argument is y."""

    units: int
    factor: float
    scratch_bytes: int = 0

    def define(self, module: ir.Module) -> None:
        function = define_kernel(module)
        arguments, begin, end, part, _ = function.args
        builder = ir.IRBuilder(function.append_basic_block("begin"))
        x = builder.load(arguments, typ=_POINTER)
        y = builder.load(builder.gep(arguments, [_INDEX(1)], source_etype=_POINTER), typ=_POINTER)
        added = builder.sitofp(part, _FLOAT)
        each, done = function.append_basic_block("each"), function.append_basic_block("done")
        before = builder.block
        builder.cbranch(builder.icmp_signed("<", begin, end), each, done)
        builder.position_at_end(each)
        index = builder.phi(_INDEX)
        value = builder.load(builder.gep(x, [index], source_etype=_FLOAT), typ=_FLOAT)
        result = builder.fadd(builder.fmul(value, _FLOAT(self.factor)), added)
        builder.store(result, builder.gep(y, [index], source_etype=_FLOAT))
        following = builder.add(index, _INDEX(1))
        index.add_incoming(begin, before)
        index.add_incoming(following, each)
        builder.cbranch(builder.icmp_signed("<", following, end), each, done)
        builder.position_at_end(done)
        builder.ret_void()


@dataclass(frozen=True)
class Broken:
    """A kernel that LLVM refuses: it adds an integer to a number."""

    units: int = 1
    scratch_bytes: int = 0

    def define(self, module: ir.Module) -> None:
        function = define_kernel(module)
        builder = ir.IRBuilder(function.append_basic_block("begin"))
        builder.ret(_INDEX(1))
