"""How much arithmetic an op takes, in operations on one element.

An addition, a multiplication, a comparison, an element that is moved: each is one operation. Functions count as about
as many as take the same time: an elementary one as 10, a special one as 50. A composite costs what its expansion does.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import prod
from typing import Any, TypeAlias, cast

from asg_schema.composite import Composite
from asg_schema.editing import Editor
from asg_schema.op import Op
from asg_schema.ops import elementwise_functions
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.control import Barrier
from asg_schema.ops.creation import DimSize
from asg_schema.ops.elementwise import Pow, StopGradient
from asg_schema.ops.elementwise_functions import Digamma, Erfinv, Lgamma, Polygamma
from asg_schema.ops.indexing import Take, TakeAlongAxis
from asg_schema.ops.indexing_nd import GatherNd
from asg_schema.ops.layout import BroadcastTo, DynamicSlice, Flip, PermuteDims, Reshape, Slice
from asg_schema.ops.linalg import Cholesky, Eigh, Lu, Qr, Svd, TriangularSolve
from asg_schema.ops.random import RngBits
from asg_schema.ops.reduction_ordering import Argsort, Sort
from asg_schema.ops.window import Conv, MaxPool, WindowSum
from asg_schema.parts import Input
from asg_schema.tensor_type import TensorType

__all__ = ["VIEWS", "operations", "size_in_bytes"]

VIEWS: frozenset[type[Op]] = frozenset({Reshape, PermuteDims, BroadcastTo, Slice, Flip, StopGradient, Barrier})
"""Ops that show the elements of their operand in another way. An executor mostly moves nothing for them."""

_ELEMENTARY = 10
_SPECIAL = 50
_THREEFRY = 110  # additions, rotations and exclusive ors for one random word
_MOST_REMEMBERED = 4096  # composites of one type and operand types: a document repeats few

_Shape: TypeAlias = tuple[int, ...]
_Formula: TypeAlias = Callable[[Op, Sequence[_Shape], Sequence[_Shape]], int]


def operations(op: Op, operands: Sequence[TensorType], results: Sequence[TensorType]) -> int:
    """The operations of one application of an op.

    Args:
        op: the op, its attributes without symbols (see `Op.bind`).
        operands: the types of its operands, without symbols.
        results: the types of its results, as its rule infers them.
    """
    if isinstance(op, Composite):
        attributes = tuple((name, getattr(op, name)) for name in op.attributes)
        return _of_expansion(type(op), attributes, tuple(operands))
    read, made = [_shape(type) for type in operands], [_shape(type) for type in results]
    formula = _FORMULAS.get(type(op))
    if formula is not None:
        return formula(op, read, made)
    return max(map(prod, (*read, *made)), default=0) * _WEIGHTS.get(type(op), 1)


def size_in_bytes(type: TensorType) -> int:
    """How much memory a value of a type without symbols takes."""
    return prod(_shape(type)) * type.dtype.itemsize


def _shape(type: TensorType) -> _Shape:
    return cast("_Shape", type.shape)


@lru_cache(maxsize=_MOST_REMEMBERED)
def _of_expansion(
    op: type[Composite], attributes: tuple[tuple[str, Any], ...], operands: tuple[TensorType, ...]
) -> int:
    """The operations of what a composite expands to, views left out."""
    editor = Editor()
    values = [
        editor.add_input(Input(id=f"operand{index}", dtype=type.dtype, shape=type.shape))
        for index, type in enumerate(operands)
    ]
    op(id="node", inputs=tuple(value.id for value in values), **dict(attributes)).expand(values)
    return sum(
        operations(
            node,
            [editor.types[reference] for reference in node.inputs],
            [editor.types[reference] for reference in node.references()],
        )
        for node in editor.nodes
        if type(node) not in VIEWS
    )


def _matmul(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    return 2 * prod(results[0]) * max(operands[0][-1], 1)


def _conv(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    return 2 * prod(results[0]) * max(prod(operands[1][1:]), 1)


def _pooling(op: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    assert isinstance(op, WindowSum | MaxPool), "a pooling has a kernel size"
    return prod(results[0]) * prod(op.kernel_size) + prod(operands[0])


def _random(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    return _THREEFRY * prod(results[0])


def _selected(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    return prod(results[0])  # whatever else the operand has is not read


def _ordered(op: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    assert isinstance(op, Sort | Argsort), "an ordering has an axis"
    return prod(operands[0]) * (1 + (max(operands[0][op.axis], 1) - 1).bit_length())


def _batch(shape: _Shape) -> int:
    return prod(shape[:-2])


def _sides(shape: _Shape) -> tuple[int, int]:
    """The larger and the smaller side of a matrix."""
    return max(shape[-2:]), min(shape[-2:])


# The counts of factorisations: Golub and Van Loan, Matrix Computations, 4th edition, sections 4.2.5, 3.2.11, 5.2, 8.3
# and 8.6.3.


def _cholesky(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    side = operands[0][-1]
    return _batch(operands[0]) * (side**3 // 3 + 4 * side**2)


def _triangular_solve(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    return prod(results[0]) * operands[0][-1] + prod(operands[0])


def _lu(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    long, short = _sides(operands[0])
    moved = sum(map(prod, results))
    return _batch(operands[0]) * (long * short**2) + moved


def _qr(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    short = _sides(operands[0])[1]
    moved = sum(map(prod, results))
    return 4 * short * max(prod(operands[0]), prod(results[0])) + moved


def _eigh(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    return _batch(operands[0]) * (9 * operands[0][-1] ** 3 + 4 * operands[0][-1] ** 2)


def _svd(_: Op, operands: Sequence[_Shape], results: Sequence[_Shape]) -> int:
    long, short = _sides(operands[0])
    completed = sum(map(prod, results))  # a whole basis is made where it is asked for
    return _batch(operands[0]) * (14 * long * short**2 + 8 * short**3) + 4 * short * completed


_FORMULAS: Mapping[type[Op], _Formula] = {
    Matmul: _matmul,
    Conv: _conv,
    WindowSum: _pooling,
    MaxPool: _pooling,
    RngBits: _random,
    **dict.fromkeys((Take, TakeAlongAxis, GatherNd, Slice, DynamicSlice, DimSize), _selected),
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
