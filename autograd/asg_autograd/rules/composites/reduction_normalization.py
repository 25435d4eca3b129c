"""Gradient rules of normalisations.

As in their expansions, float16 and bfloat16 are computed in float32 and rounded once at the end.
"""

from collections.abc import Sequence

from asg_autograd.rules.axes import sum_of_products
from asg_autograd.rules.standardization import standardization_cotangent
from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.reduction import Mean
from asg_schema.composites.reduction_normalization import BatchNorm, GroupNorm, InstanceNorm, RmsNorm, default_eps
from asg_schema.editing import Value
from asg_schema.expansion import along_axis, narrow, widen
from asg_schema.ops.elementwise_functions import Rsqrt
from asg_schema.ops.layout import Reshape
from asg_schema.ops.reduction import Sum

__all__: list[str] = []


def _narrowed(cotangents: Sequence[Value], operands: Sequence[Value]) -> Cotangents:
    """The cotangents of the operands that there are, in their dtypes."""
    return tuple(narrow(cotangent, operand.dtype) for cotangent, operand in zip(cotangents, operands, strict=False))


def _sum_of_channels(x: Value, axis: int) -> Value:
    """The sums over all axes but one."""
    return Sum.of(x, axis=tuple(other for other in range(x.rank) if other != axis))


@rules.define(RmsNorm)
def _rms_norm(op: RmsNorm, at: Application) -> Cotangents:
    x, *weight = map(widen, at.operands)
    g, axes = widen(at.g), tuple(range(-len(op.normalized_shape), 0))
    scale = Rsqrt.of(Mean.of(x * x, axis=axes, keepdims=True) + (default_eps(x.dtype) if op.eps is None else op.eps))
    normalized = x * scale
    weighted = g * weight[0] if weight else g
    projection = Mean.of(weighted * normalized, axis=axes, keepdims=True)
    by_weight = sum_of_products(g, normalized, range(x.rank - len(axes), x.rank))
    return _narrowed((scale * (weighted - normalized * projection), by_weight), at.operands)


@rules.define(BatchNorm)
def _batch_norm(op: BatchNorm, at: Application) -> Cotangents:
    x, mean, var, *affine = map(widen, at.operands)
    g, axis = widen(at.g), op.axis_of(op.axis, at.x.rank)
    slope = scale = Rsqrt.of(var + op.eps)
    if affine:
        slope = scale * affine[0]
    normalized = BatchNorm.of(x, mean, var, axis=op.axis, eps=op.eps)
    total, projection = _sum_of_channels(g, axis), sum_of_products(g, normalized, [axis])
    by_x = g * along_axis(slope, axis, x.rank)
    return _narrowed((by_x, -(total * slope), projection * slope * scale * -0.5, projection, total), at.operands)


@rules.define(GroupNorm)
def _group_norm(op: GroupNorm, at: Application) -> Cotangents:
    x, *affine = map(widen, at.operands)
    g = widen(at.g)
    normalized = GroupNorm.of(x, num_groups=op.num_groups, eps=op.eps)
    weighted = g * along_axis(affine[0], 1, x.rank) if affine else g
    groups = [op.grouped(value) for value in (x, normalized, weighted)]
    by_x = Reshape.of(standardization_cotangent(*groups, axes=(-1,), eps=op.eps), shape=x.shape)
    return _of_each_operand(by_x, g, normalized, at)


@rules.define(InstanceNorm)
def _instance_norm(op: InstanceNorm, at: Application) -> Cotangents:
    x, *affine = map(widen, at.operands)
    g, axes = widen(at.g), tuple(range(2, at.x.rank))
    normalized = InstanceNorm.of(x, eps=op.eps)
    weighted = g * along_axis(affine[0], 1, x.rank) if affine else g
    by_x = standardization_cotangent(x, normalized, weighted, axes, op.eps)
    return _of_each_operand(by_x, g, normalized, at)


def _of_each_operand(by_x: Value, g: Value, normalized: Value, at: Application) -> Cotangents:
    """The cotangents of x, and of the weight and the bias that there are, each with one number for a channel."""
    count = len(at.operands)
    by_weight = [sum_of_products(g, normalized, [1])] if count > 1 else []
    by_bias = [_sum_of_channels(g, 1)] if count > 2 else []
    return _narrowed((by_x, *by_weight, *by_bias), at.operands)
