"""Gradient rule of the largest elements along an axis."""

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.reduction_ordering import TopK
from asg_schema.ops.indexing import ScatterAddAlongAxis

__all__: list[str] = []


@rules.define(TopK)
def _top_k(op: TopK, at: Application) -> Cotangents:
    g = at.cotangents[0]
    if g is None:
        return (None,)
    zeros = at.x.editor.full(at.x.shape, 0.0, at.x.dtype)
    return (ScatterAddAlongAxis.of(zeros, at.results[1], g, axis=op.axis),)
