"""Systems of linear equations, inverses and determinants, from the factors p · l · u.

Matrices stand in the last two axes; all leading axes are batches. float16 and bfloat16 are computed in float32 and
rounded once.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from typing_extensions import override

from asg_schema.broadcasting import broadcast_shapes
from asg_schema.composite import Composite
from asg_schema.composites.indexing import Diagonal
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.expansion import index_grid, narrow, widen
from asg_schema.matrix_shapes import square_side
from asg_schema.op import Operand
from asg_schema.ops.comparison import Equal, Greater, Less, LogicalAnd
from asg_schema.ops.elementwise import Abs, Astype, Remainder, Sign
from asg_schema.ops.elementwise_functions import Log
from asg_schema.ops.layout import PermuteDims, Reshape
from asg_schema.ops.linalg import Lu, TriangularSolve
from asg_schema.ops.reduction import Argmax, Prod, Sum
from asg_schema.tensor_type import TensorType

__all__ = ["Det", "Inv", "Slogdet", "Solve"]


class Solve(Composite):
    """The X for which a · X = b, with a […, n, n] and b a vector [n] or matrices […, n, k].

    b is a vector exactly if its rank is 1, as in the array API standard. Leading axes broadcast; the result has them
    and the last axes of b. A singular matrix, one with a 0 on the diagonal of u, makes the run fail.

    Gradient:
        a: -G · Xᵀ with G the cotangent of b, vectors taken as columns.
        b: solve(aᵀ, ḡ).
    """

    op: Literal["solve"] = "solve"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("a"), Operand("b"))

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        a, b = operands
        side = square_side(a)
        if b.rank == 0:
            raise RuleError("{1} has rank 0; a vector or matrices are needed", operand=1)
        rows = b.shape[0] if b.rank == 1 else b.shape[-2]
        if rows != side:
            raise RuleError(f"{{1}} has {rows} rows; as many as the matrices of {{0}}, {side}, are needed", operand=1)
        if b.rank == 1:
            return (TensorType(b.dtype, a.shape[:-1]),)
        batch = broadcast_shapes((a.shape[:-2], b.shape[:-2]))
        return (TensorType(b.dtype, (*batch, *b.shape[-2:])),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        a, b = map(widen, operands)
        columns = Reshape.of(b, shape=(*b.shape, 1)) if b.rank == 1 else b
        p, lower, upper = Lu.all_of(a)
        inner = TriangularSolve.of(lower, _transposed(p) @ columns, unit_diagonal=True)
        solution = TriangularSolve.of(upper, inner, upper=True)
        if b.rank == 1:
            solution = Reshape.of(solution, shape=a.shape[:-1])
        return (narrow(solution, operands[1].dtype),)


class Inv(Composite):
    """The inverse of each matrix: solve(x, 1). The result has the type of x. A singular matrix makes the run fail.

    Gradient:
        x: -yᵀ · ḡ · yᵀ with y the result.
    """

    op: Literal["inv"] = "inv"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        square_side(x)
        return (x,)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        wide = widen(x)
        row, column = index_grid(x.editor, x.shape[-1], x.shape[-1])
        return (narrow(Solve.of(wide, Astype.of(Equal.of(row, column), dtype=wide.dtype)), x.dtype),)


class Det(Composite):
    """The determinant of each matrix: the product of the diagonal of u, with the sign of the permutation p.

    x has the shape […, n, n], the result […]. It is 1 for n = 0.

    Gradient:
        x: ḡ · det(x) · x⁻ᵀ. For a singular matrix it is not computed: the run fails.
    """

    op: Literal["det"] = "det"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        square_side(x)
        return (TensorType(x.dtype, x.shape[:-2]),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        sign, diagonal = _sign_and_diagonal(widen(x))
        return (narrow(sign * Prod.of(diagonal, axis=(-1,)), x.dtype),)


class Slogdet(Composite):
    """The sign of each determinant, -1, 0 or 1, and the logarithm of its magnitude, which neither over- nor underflows.

    x has the shape […, n, n], both results […]. The logarithm is -inf for a singular matrix.

    Gradient:
        x: ḡ₁ · x⁻ᵀ; the sign has none. For a singular matrix there is none: the run fails.
    """

    op: Literal["slogdet"] = "slogdet"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)
    results: ClassVar[tuple[str, ...]] = ("sign", "logabsdet")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        square_side(x)
        result = TensorType(x.dtype, x.shape[:-2])
        return result, result

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        sign, diagonal = _sign_and_diagonal(widen(x))
        signs = sign * Prod.of(Sign.of(diagonal), axis=(-1,))
        logarithms = Sum.of(Log.of(Abs.of(diagonal)), axis=(-1,))
        return narrow(signs, x.dtype), narrow(logarithms, x.dtype)


def _transposed(x: Value) -> Value:
    return PermuteDims.of(x, axes=(*range(x.rank - 2), x.rank - 1, x.rank - 2))


def _sign_and_diagonal(x: Value) -> tuple[Value, Value]:
    """The sign of the permutation of each matrix, and the diagonal of its u."""
    p, _, upper = Lu.all_of(x)
    return _permutation_sign(p), Diagonal.of(upper)


def _permutation_sign(p: Value) -> Value:
    """1 or -1: -1 to the number of pairs of rows that stand in the wrong order."""
    side, batch = p.shape[-1], p.shape[:-2]
    if side == 0:
        return p.editor.full(batch, 1.0, p.dtype)
    order = Argmax.of(p, axis=-1)
    row, column = index_grid(p.editor, side, side)
    former, latter = Reshape.of(order, shape=(*batch, side, 1)), Reshape.of(order, shape=(*batch, 1, side))
    wrong = LogicalAnd.of(Greater.of(former, latter), Less.of(row, column))
    count = Sum.of(Astype.of(wrong, dtype=DType.INT64), axis=(-2, -1))
    odd = Astype.of(Remainder.of(count, count.scalar(2)), dtype=p.dtype)
    return 1.0 - odd * 2.0
