"""Tangent rule of interpolation, which is linear."""

from asg_autograd.tangents.table import tangents
from asg_autograd.tangents.terms import multilinear
from asg_schema.composites.window_interpolation import Interpolate

__all__: list[str] = []

tangents.define(Interpolate)(multilinear)
