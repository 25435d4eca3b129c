"""Gradient rules of gathers and scatters: each is the adjoint of its partner."""

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.ops.indexing import IndexAdd, ScatterAddAlongAxis, Take, TakeAlongAxis

__all__: list[str] = []


@rules.define(Take)
def _take(op: Take, at: Application) -> Cotangents:
    x, indices = at.operands
    return IndexAdd.of(x.editor.full(x.shape, 0.0, x.dtype), indices, at.g, axis=op.axis), None


@rules.define(IndexAdd)
def _index_add(op: IndexAdd, at: Application) -> Cotangents:
    return at.g, None, Take.of(at.g, at.operands[1], axis=op.axis)


@rules.define(TakeAlongAxis)
def _take_along_axis(op: TakeAlongAxis, at: Application) -> Cotangents:
    x, indices = at.operands
    return ScatterAddAlongAxis.of(x.editor.full(x.shape, 0.0, x.dtype), indices, at.g, axis=op.axis), None


@rules.define(ScatterAddAlongAxis)
def _scatter_add_along_axis(op: ScatterAddAlongAxis, at: Application) -> Cotangents:
    return at.g, None, TakeAlongAxis.of(at.g, at.operands[1], axis=op.axis)
