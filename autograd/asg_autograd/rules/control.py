"""Gradient rules of control."""

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.ops.control import Barrier

__all__: list[str] = []


@rules.define(Barrier)
def _barrier(op: Barrier, at: Application) -> Cotangents:
    return (at.g,)
