"""Tangent rules of linear equations, inverses and determinants; 16-bit floats are computed in float32."""

from asg_autograd.rules.factors import as_column
from asg_autograd.rules.matrices import transpose
from asg_autograd.sums import total
from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_schema.composites.linalg import Det, Inv, Slogdet, Solve
from asg_schema.editing import Value
from asg_schema.expansion import narrow, widen
from asg_schema.ops.layout import Reshape
from asg_schema.ops.reduction import Sum

__all__: list[str] = []


@tangents.define(Solve)
def _solve(op: Solve, at: Perturbation) -> Tangents:
    (a, b), (a_moves, b_moves) = at.operands, at.tangents
    wide = widen(a)
    solution = at.y if a.dtype is wide.dtype else Solve.of(wide, widen(b))
    right = None if b_moves is None else widen(b_moves)
    if b.rank == 1:  # a batch of vectors, which solve would take for a matrix
        solution, right = as_column(solution), None if right is None else as_column(right)
    moved = total(right, None if a_moves is None else -(widen(a_moves) @ solution))
    if moved is None:
        return (None,)
    return (narrow(Reshape.of(Solve.of(wide, moved), shape=at.y.shape), b.dtype),)


@tangents.define(Inv)
def _inv(op: Inv, at: Perturbation) -> Tangents:
    wide = widen(at.x)
    inverse = at.y if at.y.dtype is wide.dtype else Inv.of(wide)
    return (narrow(-(inverse @ widen(at.t) @ inverse), at.x.dtype),)


@tangents.define(Det)
def _det(op: Det, at: Perturbation) -> Tangents:
    wide = widen(at.x)
    determinant = at.y if at.y.dtype is wide.dtype else Det.of(wide)
    return (narrow(determinant * _relative_change(at), at.x.dtype),)


@tangents.define(Slogdet)
def _slogdet(op: Slogdet, at: Perturbation) -> Tangents:
    return None, narrow(_relative_change(at), at.x.dtype) if at.needed[1] else None


def _relative_change(at: Perturbation) -> Value:
    """The tangent of the determinant by the determinant: the trace of x⁻¹ · ẋ."""
    return Sum.of(transpose(Inv.of(widen(at.x))) * widen(at.t), axis=(-2, -1))
