"""Gradient rules of triangles."""

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.indexing import Tril, Triu

__all__: list[str] = []


@rules.define(Tril)
def _tril(op: Tril, at: Application) -> Cotangents:
    return (Tril.of(at.g, k=op.k),)


@rules.define(Triu)
def _triu(op: Triu, at: Application) -> Cotangents:
    return (Triu.of(at.g, k=op.k),)
