"""Gradient rules of linear equations, inverses and determinants; 16-bit floats are computed in float32."""

from asg_autograd.rules.matrices import transpose
from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.linalg import Det, Inv, Slogdet, Solve
from asg_schema.editing import Value
from asg_schema.expansion import narrow, widen
from asg_schema.ops.layout import Reshape

__all__: list[str] = []


@rules.define(Solve)
def _solve(op: Solve, at: Application) -> Cotangents:
    a, b = at.operands
    wide = widen(a)
    solution = at.y if a.dtype is wide.dtype else Solve.of(wide, widen(b))
    g = widen(at.g)
    if b.rank == 1:  # a batch of vectors, which solve would take for a matrix
        solution, g = _columns(solution), _columns(g)
    by_columns = Solve.of(transpose(wide), g)
    by_b = Reshape.of(by_columns, shape=at.y.shape) if b.rank == 1 else by_columns
    return narrow(-(by_columns @ transpose(solution)), a.dtype), narrow(by_b, b.dtype)


def _columns(x: Value) -> Value:
    return Reshape.of(x, shape=(*x.shape, 1))


@rules.define(Inv)
def _inv(op: Inv, at: Application) -> Cotangents:
    wide = widen(at.x)
    turned = transpose(at.y if at.y.dtype is wide.dtype else Inv.of(wide))
    return (narrow(-(turned @ widen(at.g) @ turned), at.x.dtype),)


@rules.define(Det)
def _det(op: Det, at: Application) -> Cotangents:
    wide = widen(at.x)
    determinant = at.y if at.y.dtype is wide.dtype else Det.of(wide)
    return (narrow(_spread(widen(at.g) * determinant) * transpose(Inv.of(wide)), at.x.dtype),)


@rules.define(Slogdet)
def _slogdet(op: Slogdet, at: Application) -> Cotangents:
    g = at.cotangents[1]
    if g is None:
        return (None,)
    return (narrow(_spread(widen(g)) * transpose(Inv.of(widen(at.x))), at.x.dtype),)


def _spread(x: Value) -> Value:
    return Reshape.of(x, shape=(*x.shape, 1, 1))
