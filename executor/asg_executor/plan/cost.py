"""How much arithmetic a program takes."""

from collections.abc import Sequence

from asg_executor.plan.arrays import concrete_shape
from asg_executor.plan.layout import element_count
from asg_executor.plan.program import Instruction, Program
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.random import RngBits
from asg_schema.ops.window import Conv, Pooling

__all__ = ["program_flops"]

_THREEFRY = 110  # additions, rotations and exclusive ors for one random word


def program_flops(program: Program, computed: Sequence[Instruction]) -> int:
    """The element operations of one run.

    2 · m · n · k for a matrix product, as much for a factorisation, and likewise for a convolution; for each place of a
    pooling as many as its window has positions; otherwise one for each element read.

    Args:
        program: the program.
        computed: its instructions that are not views.
    """
    return sum(_flops(program, instruction) for instruction in computed)


def _flops(program: Program, instruction: Instruction) -> int:
    results = sum(element_count(concrete_shape(program.types[name])) for name in instruction.results)
    if isinstance(instruction.op, Matmul):
        return 2 * results * concrete_shape(program.types[instruction.operands[0]])[-1]
    if isinstance(instruction.op, Conv):
        return 2 * results * element_count(concrete_shape(program.types[instruction.operands[1]])[1:])
    if isinstance(instruction.op, Pooling):
        return results * element_count(instruction.op.kernel_size)
    if isinstance(instruction.op, RngBits):
        return _THREEFRY * results
    operands = [element_count(concrete_shape(program.types[name])) for name in instruction.operands]
    if instruction.op.family() == "linalg":
        return 2 * max([results, *operands]) * concrete_shape(program.types[instruction.operands[0]])[-1]
    return max([results, *operands])
