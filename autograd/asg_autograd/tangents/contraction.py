"""Tangent rule of the matrix product."""

from asg_autograd.tangents.table import tangents
from asg_autograd.tangents.terms import multilinear
from asg_schema.ops.contraction import Matmul

__all__: list[str] = []

tangents.define(Matmul)(multilinear)
