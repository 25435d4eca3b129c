"""Tangent rule of sorting: tangents are moved as the elements are."""

from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_schema.ops.indexing import TakeAlongAxis
from asg_schema.ops.reduction_ordering import Argsort, Sort

__all__: list[str] = []


@tangents.define(Sort)
def _sort(op: Sort, at: Perturbation) -> Tangents:
    order = Argsort.of(at.x, axis=op.axis, descending=op.descending, stable=op.stable)
    return (TakeAlongAxis.of(at.t, order, axis=op.axis),)
