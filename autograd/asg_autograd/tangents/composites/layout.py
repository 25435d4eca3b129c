"""Tangent rules of layout: a tangent is moved as the operand is."""

from asg_autograd.tangents.table import tangents
from asg_autograd.tangents.terms import jointly_linear, multilinear
from asg_schema.composites.layout import PadEdge, PadReflect, Repeat, Roll, Stack, Tile
from asg_schema.op import Op

__all__: list[str] = []

_MOVES: tuple[type[Op], ...] = (PadEdge, PadReflect, Repeat, Roll, Tile)
for _move in _MOVES:
    tangents.define(_move)(multilinear)

tangents.define(Stack)(jointly_linear)
