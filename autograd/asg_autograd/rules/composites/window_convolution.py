"""Gradient rule of transposed convolution: convolutions with the kernel as it is, which the expansion reverses."""

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.window_convolution import ConvTranspose
from asg_schema.ops.reduction import Sum
from asg_schema.ops.window import Conv
from asg_schema.window_expansion import exchange

__all__: list[str] = []


@rules.define(ConvTranspose)
def _conv_transpose(op: ConvTranspose, at: Application) -> Cotangents:
    x, weight, *bias = at.operands
    padding = op.conv_padding(x.rank - 2)
    by_x = Conv.of(
        at.g, weight, strides=op.strides, padding=padding, rhs_dilation=op.dilation, feature_groups=op.groups
    )
    by_weight = Conv.of(
        exchange(at.g),
        exchange(x),
        strides=op.dilation,
        padding=padding,
        rhs_dilation=op.strides,
        batch_groups=op.groups,
    )
    by_bias = [Sum.of(at.g, axis=(0, *range(2, x.rank)))] if bias else []
    return by_x, exchange(by_weight), *by_bias
