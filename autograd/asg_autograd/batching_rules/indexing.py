"""Batching rules of gathers, scatters, one-hot vectors, tables, diagonals and triangles."""

from asg_autograd.batching_rules.axes import move_axes, shifted
from asg_autograd.batching_rules.gathering import as_tuples, taken_by_example
from asg_autograd.batching_rules.table import Batched, Results, batching
from asg_schema.composites.indexing import Diag, Diagonal, Embedding, OneHot, Tril, Triu
from asg_schema.ops.indexing import IndexAdd, ScatterAddAlongAxis, Take, TakeAlongAxis
from asg_schema.ops.indexing_nd import GatherNd, ScatterNdAdd, ScatterNdSet

__all__: list[str] = []


@batching.define(Take)
def _take(op: Take, at: Batched) -> Results:
    x, indices = at.operands
    axis = op.axis % at.rank()
    if not at.mapped[1]:
        return at.again(x, indices, axis=axis + 1)
    if at.mapped[0]:
        return (taken_by_example(x, indices, axis),)
    (taken,) = at.again(x, indices, axis=axis)
    return (move_axes(taken, [axis], 0),)


@batching.define(IndexAdd)
def _index_add(op: IndexAdd, at: Batched) -> Results:
    x, indices, source = at.every(0), at.operands[1], at.every(2)
    axis = shifted(op.axis, at.rank())
    if not at.mapped[1]:
        return at.again(x, indices, source, axis=axis)
    # The axis that is added along, and those of the indices in its place, go in front of the others.
    front = move_axes(x, [axis], 1)
    spread = move_axes(source, list(range(axis, axis + at.rank(1))), 1)
    added = ScatterNdAdd.of(front, as_tuples(indices), spread, batch_dims=1)
    return (move_axes(added, [1], axis),)


def _along_axis(op: TakeAlongAxis | ScatterAddAlongAxis, at: Batched) -> Results:
    return at.again(*map(at.every, range(len(at.operands))), axis=shifted(op.axis, at.rank()))


batching.define(TakeAlongAxis)(_along_axis)
batching.define(ScatterAddAlongAxis)(_along_axis)


@batching.define(GatherNd)
def _gather_nd(op: GatherNd, at: Batched) -> Results:
    if not at.mapped[0] and op.batch_dims == 0:
        return at.again(*at.operands)
    return at.again(at.every(0), at.every(1), batch_dims=op.batch_dims + 1)


def _scatter_nd(op: ScatterNdAdd | ScatterNdSet, at: Batched) -> Results:
    return at.again(at.every(0), at.every(1), at.every(2), batch_dims=op.batch_dims + 1)


batching.define(ScatterNdAdd)(_scatter_nd)
batching.define(ScatterNdSet)(_scatter_nd)


def _of_leading_axes(op: OneHot | Diagonal | Tril | Triu, at: Batched) -> Results:
    """What is done for each element, or each matrix in the last two axes, needs no change."""
    return at.again(at.x)


for _op in (OneHot, Diagonal, Tril, Triu):
    batching.define(_op)(_of_leading_axes)


@batching.define(Diag)
def _diag(op: Diag, at: Batched) -> Results | None:
    return (Diagonal.of(at.x, offset=op.k),) if at.rank() == 2 else None


@batching.define(Embedding)
def _embedding(op: Embedding, at: Batched) -> Results | None:
    return at.again(*at.operands) if at.only_first else None
