"""Tangent rule of unpooling, which is linear in what it places."""

from asg_autograd.tangents.table import tangents
from asg_autograd.tangents.terms import multilinear
from asg_schema.composites.window_unpooling import MaxUnpool

__all__: list[str] = []

tangents.define(MaxUnpool)(multilinear)
