"""Gradient rules of gates and of sums with a product."""

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.elementwise_products import Addcmul, Gate

__all__: list[str] = []


@rules.define(Gate)
def _gate(op: Gate, at: Application) -> Cotangents:
    return Gate.of(at.g, at.operands[1]), None


@rules.define(Addcmul)
def _addcmul(op: Addcmul, at: Application) -> Cotangents:
    _, a, b = at.operands
    g = at.g if op.value == 1 else at.g * op.value
    return at.g, g * b, g * a
