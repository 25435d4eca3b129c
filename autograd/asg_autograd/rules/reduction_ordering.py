"""Gradient rule of sorting: what was moved is moved back."""

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.ops.indexing import ScatterAddAlongAxis
from asg_schema.ops.reduction_ordering import Argsort, Sort

__all__: list[str] = []


@rules.define(Sort)
def _sort(op: Sort, at: Application) -> Cotangents:
    order = Argsort.of(at.x, axis=op.axis, descending=op.descending, stable=op.stable)
    return (ScatterAddAlongAxis.of(at.x.editor.full(at.x.shape, 0.0, at.x.dtype), order, at.g, axis=op.axis),)
