"""Tangent rule of the affine map. `attention` is differentiated by its expansion, which is as short as a rule."""

from asg_autograd.sums import total
from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_autograd.tangents.terms import bilinear
from asg_schema.composites.contraction import Linear

__all__: list[str] = []


@tangents.define(Linear)
def _linear(op: Linear, at: Perturbation) -> Tangents:
    return (total(bilinear(op, at), *at.tangents[2:]),)
