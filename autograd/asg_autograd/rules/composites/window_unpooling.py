"""Gradient rule of unpooling: what stands at the places to which its elements went."""

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.window_unpooling import MaxUnpool
from asg_schema.dims import Dim, element_count
from asg_schema.ops.indexing import TakeAlongAxis
from asg_schema.ops.layout import Reshape

__all__: list[str] = []


@rules.define(MaxUnpool)
def _max_unpool(op: MaxUnpool, at: Application) -> Cotangents:
    x, indices = at.operands
    leading = x.shape[: x.rank - len(op.output_size)]

    def flat(shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
        return (*leading, element_count(shape[len(leading) :]))

    g, places = (Reshape.of(value, shape=flat(value.shape)) for value in (at.g, indices))
    return Reshape.of(TakeAlongAxis.of(g, places, axis=-1), shape=x.shape), None
