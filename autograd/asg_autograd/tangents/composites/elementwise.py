"""Tangent rules of activations and clipping, whose Jacobians are diagonal."""

from asg_autograd.tangents.table import tangents
from asg_autograd.tangents.terms import symmetric
from asg_schema.composites.elementwise import Clip, Gelu, LeakyRelu, Relu, Silu, Softplus
from asg_schema.op import Op

__all__: list[str] = []

_FUNCTIONS: tuple[type[Op], ...] = (Clip, Gelu, LeakyRelu, Relu, Silu, Softplus)
for _function in _FUNCTIONS:
    tangents.define(_function)(symmetric)
