"""Tangent rule of transposed convolution: the product rule, and the bias."""

from asg_autograd.sums import total
from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_autograd.tangents.terms import multilinear
from asg_schema.composites.window_convolution import ConvTranspose
from asg_schema.expansion import along_axis

__all__: list[str] = []


@tangents.define(ConvTranspose)
def _conv_transpose(op: ConvTranspose, at: Perturbation) -> Tangents:
    products = multilinear(op, Perturbation(at.operands[:2], at.results, at.tangents[:2], at.needed))
    bias = (None if t is None else along_axis(t, 1, at.x.rank) for t in at.tangents[2:])
    return (total(*products, *bias),)
