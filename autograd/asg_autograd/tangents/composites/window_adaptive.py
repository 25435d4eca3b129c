"""Tangent rules of adaptive pooling by means, which is linear; that of maxima is differentiated by its expansion."""

from asg_autograd.tangents.table import tangents
from asg_autograd.tangents.terms import multilinear
from asg_schema.composites.window_adaptive import AdaptiveAvgPool, GlobalAvgPool

__all__: list[str] = []

tangents.define(AdaptiveAvgPool)(multilinear)
tangents.define(GlobalAvgPool)(multilinear)
