"""Tangent rules of control."""

from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_schema.ops.control import Barrier

__all__: list[str] = []


@tangents.define(Barrier)
def _barrier(op: Barrier, at: Perturbation) -> Tangents:
    return at.tangents
