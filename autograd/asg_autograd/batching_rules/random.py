"""Batching rules of random numbers: a key that is mapped draws for each example by itself, one that is not for all."""

from asg_autograd.batching_rules.axes import shifted_axes
from asg_autograd.batching_rules.table import Batched, Results, batching
from asg_schema.composites.random import Dropout
from asg_schema.ops.random import RngBits

__all__: list[str] = []


@batching.define(RngBits)
def _rng_bits(op: RngBits, at: Batched) -> Results:
    return at.again(at.x)


@batching.define(Dropout)
def _dropout(op: Dropout, at: Batched) -> Results | None:
    if not at.only_first:
        return None
    # One key drops the same elements of every example.
    return at.again(*at.operands, broadcast_axes=(0, *shifted_axes(op, op.broadcast_axes, at.rank())))
