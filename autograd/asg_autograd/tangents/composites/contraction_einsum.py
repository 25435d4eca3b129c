"""Tangent rule of einsum: the product rule."""

from asg_autograd.tangents.table import tangents
from asg_autograd.tangents.terms import multilinear
from asg_schema.composites.contraction_einsum import Einsum

__all__: list[str] = []

tangents.define(Einsum)(multilinear)
