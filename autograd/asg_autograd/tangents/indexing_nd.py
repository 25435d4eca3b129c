"""Tangent rules of gathers and scatters by index tuples: all of them are linear in what they move."""

from asg_autograd.tangents.table import tangents
from asg_autograd.tangents.terms import jointly_linear, multilinear
from asg_schema.ops.indexing_nd import GatherNd, ScatterNdAdd, ScatterNdSet

__all__: list[str] = []

tangents.define(GatherNd)(multilinear)
tangents.define(ScatterNdAdd)(jointly_linear)
tangents.define(ScatterNdSet)(jointly_linear)
