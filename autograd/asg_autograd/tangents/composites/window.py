"""Tangent rule of pooling by means, which is linear."""

from asg_autograd.tangents.table import tangents
from asg_autograd.tangents.terms import multilinear
from asg_schema.composites.window import AvgPool

__all__: list[str] = []

tangents.define(AvgPool)(multilinear)
