"""How much arithmetic an instruction takes, in operations on one element.

An addition, a multiplication, a comparison, an element that is moved: each is one operation. Functions count as about
as many as take the same time: an elementary one as 10, a special one as 50.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from asg_executor.plan.arrays import concrete_shape
from asg_executor.plan.layout import element_count
from asg_executor.plan.program import Instruction
from asg_schema.op import Op
from asg_schema.ops import elementwise_functions
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.elementwise import Pow
from asg_schema.ops.elementwise_functions import Digamma, Erfinv, Lgamma, Polygamma
from asg_schema.ops.indexing import Take, TakeAlongAxis
from asg_schema.ops.indexing_nd import GatherNd
from asg_schema.ops.layout import DynamicSlice, Slice
from asg_schema.ops.linalg import Cholesky, Eigh, Lu, Qr, Svd, TriangularSolve
from asg_schema.ops.random import RngBits
from asg_schema.ops.reduction_ordering import Argsort, Sort
from asg_schema.ops.window import Conv, MaxPool, WindowSum
from asg_schema.tensor_type import TensorType

__all__ = ["operations"]

_ELEMENTARY = 10
_SPECIAL = 50
_THREEFRY = 110  # additions, rotations and exclusive ors for one random word

_Shape: TypeAlias = tuple[int, ...]
_Formula: TypeAlias = Callable[[Op, Sequence[_Shape], Sequence[_Shape]], int]


def operations(instruction: Instruction, types: Mapping[str, TensorType]) -> int:
    """The operations of one run of an instruction.

    Args:
        instruction: the instruction.
        types: the type of every value, without symbols.
    """
    operands = [concrete_shape(types[name]) for name in instruction.operands]
    results = [concrete_shape(types[name]) for name in instruction.results]
    formula = _FORMULAS.get(type(instruction.op))
    if formula is not None:
        return formula(instruction.op, operands, results)
    return max(map(element_count, (*operands, *results)), default=0) * _WEIGHTS.get(type(instruction.op), 1)


def _matmul(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    return 2 * element_count(results[0]) * max(operands[0][-1], 1)


def _conv(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    return 2 * element_count(results[0]) * max(element_count(operands[1][1:]), 1)


def _pooling(op: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    assert isinstance(op, WindowSum | MaxPool), "a pooling has a kernel size"
    return element_count(results[0]) * element_count(op.kernel_size) + element_count(operands[0])


def _random(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    return _THREEFRY * element_count(results[0])


def _selected(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    return element_count(results[0])  # whatever else the operand has is not read


def _ordered(op: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    assert isinstance(op, Sort | Argsort), "an ordering has an axis"
    return element_count(operands[0]) * (1 + (max(operands[0][op.axis], 1) - 1).bit_length())


def _batch(shape: _Shape) -> int:
    return element_count(shape[:-2])


def _sides(shape: _Shape) -> tuple[int, int]:
    """The larger and the smaller side of a matrix."""
    return max(shape[-2:]), min(shape[-2:])


# The counts of factorisations: Golub and Van Loan, Matrix Computations, 4th edition, sections 4.2.5, 3.2.11, 5.2, 8.3
# and 8.6.3.


def _cholesky(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    side = operands[0][-1]
    return _batch(operands[0]) * (side**3 // 3 + 4 * side**2)


def _triangular_solve(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    return element_count(results[0]) * operands[0][-1] + element_count(operands[0])


def _lu(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    long, short = _sides(operands[0])
    moved = sum(map(element_count, results))
    return _batch(operands[0]) * (long * short**2) + moved


def _qr(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    short = _sides(operands[0])[1]
    moved = sum(map(element_count, results))
    return 4 * short * max(element_count(operands[0]), element_count(results[0])) + moved


def _eigh(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    return _batch(operands[0]) * (9 * operands[0][-1] ** 3 + 4 * operands[0][-1] ** 2)


def _svd(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    long, short = _sides(operands[0])
    completed = sum(map(element_count, results))  # a whole basis is made where it is asked for
    return _batch(operands[0]) * (14 * long * short**2 + 8 * short**3) + 4 * short * completed


_FORMULAS: Mapping[type[Op], _Formula] = {
    Matmul: _matmul,
    Conv: _conv,
    WindowSum: _pooling,
    MaxPool: _pooling,
    RngBits: _random,
    **dict.fromkeys((Take, TakeAlongAxis, GatherNd, Slice, DynamicSlice), _selected),
    **dict.fromkeys((Sort, Argsort), _ordered),
    Cholesky: _cholesky,
    TriangularSolve: _triangular_solve,
    Lu: _lu,
    Qr: _qr,
    Eigh: _eigh,
    Svd: _svd,
}

_WEIGHTS: Mapping[type[Op], int] = {
    **{
        op: _ELEMENTARY
        for op in vars(elementwise_functions).values()
        if isinstance(op, type) and issubclass(op, Op) and op.__module__ == elementwise_functions.__name__
    },
    Pow: _ELEMENTARY,
    **dict.fromkeys((Erfinv, Lgamma, Digamma, Polygamma), _SPECIAL),
}
