"""Gradient rule of the affine map. `attention` is differentiated by its expansion, which is as short as a rule."""

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.contraction import Linear
from asg_schema.composites.contraction_einsum import Einsum

__all__: list[str] = []


@rules.define(Linear)
def _linear(op: Linear, at: Application) -> Cotangents:
    x, weight, *_ = at.operands
    cotangents = at.g @ weight, Einsum.of(at.g, x, equation="...o,...i->oi"), at.g
    return cotangents[: len(at.operands)]
