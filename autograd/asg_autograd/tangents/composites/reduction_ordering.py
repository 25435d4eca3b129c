"""Tangent rule of the largest elements along an axis."""

from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_schema.composites.reduction_ordering import TopK
from asg_schema.ops.indexing import TakeAlongAxis

__all__: list[str] = []


@tangents.define(TopK)
def _top_k(op: TopK, at: Perturbation) -> Tangents:
    return TakeAlongAxis.of(at.t, at.results[1], axis=op.axis), None
