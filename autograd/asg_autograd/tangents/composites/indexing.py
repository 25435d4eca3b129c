"""Tangent rules of diagonals and triangles, which are linear. `embedding` is differentiated by its expansion."""

from asg_autograd.tangents.table import tangents
from asg_autograd.tangents.terms import multilinear
from asg_schema.composites.indexing import Diag, Diagonal, Tril, Triu
from asg_schema.op import Op

__all__: list[str] = []

_LINEAR: tuple[type[Op], ...] = (Diag, Diagonal, Tril, Triu)
for _linear in _LINEAR:
    tangents.define(_linear)(multilinear)
