"""Tangent rules of the standard normal distribution, whose functions have diagonal Jacobians."""

from asg_autograd.tangents.table import tangents
from asg_autograd.tangents.terms import symmetric
from asg_schema.composites.elementwise_normal import NormalCdf, NormalPdf

__all__: list[str] = []

tangents.define(NormalCdf)(symmetric)
tangents.define(NormalPdf)(symmetric)
