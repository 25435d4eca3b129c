"""Tangent rule of dropout: linear, with the same elements dropped."""

from asg_autograd.tangents.table import tangents
from asg_autograd.tangents.terms import multilinear
from asg_schema.composites.random import Dropout

__all__: list[str] = []

tangents.define(Dropout)(multilinear)
