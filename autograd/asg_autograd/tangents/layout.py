"""Tangent rules of layout: a tangent is moved as the operand is."""

from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_autograd.tangents.terms import jointly_linear, multilinear
from asg_schema.op import Op
from asg_schema.ops.layout import (
    BroadcastTo,
    Concat,
    DynamicSlice,
    DynamicUpdateSlice,
    Flip,
    Pad,
    PermuteDims,
    Reshape,
    Slice,
)

__all__: list[str] = []

_MOVES: tuple[type[Op], ...] = (Reshape, PermuteDims, BroadcastTo, Slice, Flip, DynamicSlice)
for _move in _MOVES:
    tangents.define(_move)(multilinear)

tangents.define(Concat)(jointly_linear)
tangents.define(DynamicUpdateSlice)(jointly_linear)


@tangents.define(Pad)
def _pad(op: Pad, at: Perturbation) -> Tangents:
    return (Pad.of(at.t, low=op.low, high=op.high, interior=op.interior),)
