"""Gradient rules of activations and clipping.

What an expansion also computes is written with the same ops in the same order, so that whoever removes duplicates
computes it once.
"""

import math

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.elementwise import Clip, Gelu, LeakyRelu, Relu, Silu, Softplus
from asg_schema.composites.elementwise_normal import NormalCdf, NormalPdf
from asg_schema.composites.elementwise_products import Addcmul, Gate
from asg_schema.editing import Value
from asg_schema.ops.comparison import Greater, GreaterEqual, LessEqual
from asg_schema.ops.elementwise import Where
from asg_schema.ops.elementwise_functions import Sigmoid, Tanh

__all__: list[str] = []


@rules.define(Clip)
def _clip(op: Clip, at: Application) -> Cotangents:
    g, zero = at.g, at.g.scalar(0.0)
    # Asked so that the answer is no for NaN: its derivative is 0.
    if op.min is not None:
        g = Where.of(GreaterEqual.of(at.x, at.x.scalar(op.min)), g, zero)
    if op.max is not None:
        g = Where.of(LessEqual.of(at.x, at.x.scalar(op.max)), g, zero)
    return (g,)


@rules.define(Relu)
def _relu(op: Relu, at: Application) -> Cotangents:
    return (Gate.of(at.g, at.x),)


@rules.define(LeakyRelu)
def _leaky_relu(op: LeakyRelu, at: Application) -> Cotangents:
    return (Where.of(Greater.of(at.x, at.x.scalar(0.0)), at.g, at.g * op.negative_slope),)


@rules.define(Gelu)
def _gelu(op: Gelu, at: Application) -> Cotangents:
    return (at.g * (_tanh_gelu_slope(at.x) if op.approximate == "tanh" else _gelu_slope(at.x)),)


def _gelu_slope(x: Value) -> Value:
    """Φ(x) + x · φ(x), distribution function and density of the standard normal."""
    return Addcmul.of(NormalCdf.of(x), x, NormalPdf.of(x))


def _tanh_gelu_slope(x: Value) -> Value:
    """½ (1 + t) + ½ x (1 - t²) u', where t = tanh(u) and u = √(2/π) (x + 0.044715 x³)."""
    curve = Tanh.of((x + x * x * x * 0.044715) * math.sqrt(2 / math.pi))
    fall = 1.0 - curve * curve
    # fall · x · x from the left: where x · x would overflow, fall is 0, and so is the product.
    inner = (fall + fall * x * x * (3 * 0.044715)) * math.sqrt(2 / math.pi)
    return (curve + 1.0) * 0.5 + x * 0.5 * inner


@rules.define(Silu)
def _silu(op: Silu, at: Application) -> Cotangents:
    gate = Sigmoid.of(at.x)
    return (at.g * (gate + at.y * (1.0 - gate)),)


@rules.define(Softplus)
def _softplus(op: Softplus, at: Application) -> Cotangents:
    scaled = at.x * op.beta
    return (Where.of(Greater.of(scaled, at.x.scalar(op.threshold)), at.g, at.g * Sigmoid.of(scaled)),)
