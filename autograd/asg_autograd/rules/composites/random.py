"""Gradient rule of dropout."""

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.random import Dropout

__all__: list[str] = []


@rules.define(Dropout)
def _dropout(op: Dropout, at: Application) -> Cotangents:
    # Linear, and each element is scaled by itself: the cotangent is dropped where the operand was.
    return Dropout.of(at.g, at.operands[1], p=op.p, broadcast_axes=op.broadcast_axes), None
