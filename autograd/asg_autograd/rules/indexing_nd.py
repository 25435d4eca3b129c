"""Gradient rules of gathers and scatters by index tuples."""

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.dims import element_count
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.ops.comparison import Equal
from asg_schema.ops.creation import Iota
from asg_schema.ops.elementwise import Where
from asg_schema.ops.indexing_nd import GatherNd, ScatterNdAdd, ScatterNdSet
from asg_schema.ops.layout import Reshape

__all__: list[str] = []


@rules.define(GatherNd)
def _gather_nd(op: GatherNd, at: Application) -> Cotangents:
    x, indices = at.operands
    zeros = x.editor.full(x.shape, 0.0, x.dtype)
    return ScatterNdAdd.of(zeros, indices, at.g, batch_dims=op.batch_dims), None


@rules.define(ScatterNdAdd)
def _scatter_nd_add(op: ScatterNdAdd, at: Application) -> Cotangents:
    return at.g, None, GatherNd.of(at.g, at.operands[1], batch_dims=op.batch_dims)


@rules.define(ScatterNdSet)
def _scatter_nd_set(op: ScatterNdSet, at: Application) -> Cotangents:
    x, indices, source = at.operands
    zeros = source.editor.full(source.shape, 0.0, source.dtype)
    taken = GatherNd.of(at.g, indices, batch_dims=op.batch_dims)
    by_source = Where.of(_wins(op, x, indices, source), taken, taken.scalar(0.0))
    return ScatterNdSet.of(at.g, indices, zeros, batch_dims=op.batch_dims), None, by_source


def _wins(op: ScatterNdSet, x: Value, indices: Value, source: Value) -> Value:
    """Which index tuples no later one overwrites, in a shape that broadcasts with `source`.

    All tuples are numbered, and the numbers scattered as the source is: a winner finds its own where it points to.
    """
    editor, tuples = x.editor, indices.shape[:-1]
    (counted,) = editor.emit(Iota, (), {"dtype": DType.INT64, "shape": (element_count(tuples),)})
    numbers = Reshape.of(counted, shape=tuples)
    places = editor.full(x.shape[: op.batch_dims + _tuple_size(indices)], 0, DType.INT64)
    last = ScatterNdSet.of(places, indices, numbers, batch_dims=op.batch_dims)
    wins = Equal.of(GatherNd.of(last, indices, batch_dims=op.batch_dims), numbers)
    return Reshape.of(wins, shape=(*tuples, *(1,) * (source.rank - len(tuples))))


def _tuple_size(indices: Value) -> int:
    size = indices.shape[-1]
    assert isinstance(size, int), "the op's rule refuses a symbol there"
    return size
