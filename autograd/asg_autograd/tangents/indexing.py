"""Tangent rules of gathers and scatters: all of them are linear in what they move."""

from asg_autograd.tangents.table import tangents
from asg_autograd.tangents.terms import jointly_linear, multilinear
from asg_schema.ops.indexing import IndexAdd, ScatterAddAlongAxis, Take, TakeAlongAxis

__all__: list[str] = []

tangents.define(Take)(multilinear)
tangents.define(TakeAlongAxis)(multilinear)
tangents.define(IndexAdd)(jointly_linear)
tangents.define(ScatterAddAlongAxis)(jointly_linear)
