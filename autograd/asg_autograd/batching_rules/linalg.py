"""Batching rules of linear algebra: matrices stand in the last two axes, and all leading ones are batches."""

from asg_autograd.batching_rules.table import Batched, Results, batching
from asg_schema.composites.linalg import Det, Inv, Slogdet, Solve
from asg_schema.ops.layout import Reshape
from asg_schema.ops.linalg import Cholesky, Eigh, Lu, Qr, Svd, TriangularSolve

__all__: list[str] = []


def _of_matrices(op: Cholesky | Qr | Eigh | Svd | Lu | Inv | Det | Slogdet, at: Batched) -> Results:
    return at.again(at.x)


for _op in (Cholesky, Qr, Eigh, Svd, Lu, Inv, Det, Slogdet):
    batching.define(_op)(_of_matrices)


@batching.define(TriangularSolve)
def _triangular_solve(op: TriangularSolve, at: Batched) -> Results:
    return at.again(*at.aligned())


@batching.define(Solve)
def _solve(op: Solve, at: Batched) -> Results:
    a, b = at.operands
    if at.rank(1) > 1:
        return at.again(*at.aligned())
    if not at.mapped[1]:
        return at.again(a, b)
    # A vector for each example would count as a matrix: each is a matrix of one column instead.
    columns = Reshape.of(b, shape=(at.size, *(1,) * (at.rank() - 2), *b.shape[1:], 1))
    (solution,) = at.again(a, columns)
    return (Reshape.of(solution, shape=solution.shape[:-1]),)
