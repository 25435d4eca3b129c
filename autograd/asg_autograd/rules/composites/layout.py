"""Gradient rule of rolling. The other composites of layout are differentiated by expansions that are as short."""

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.layout import Roll

__all__: list[str] = []


@rules.define(Roll)
def _roll(op: Roll, at: Application) -> Cotangents:
    return (Roll.of(at.g, shift=tuple(shift * -1 for shift in op.shift), axis=op.axis),)
