"""Tangent rules of normalisations.

What is normalised has a symmetric Jacobian, so its tangent has the formula of its cotangent. As in their expansions,
float16 and bfloat16 are computed in float32 and rounded once at the end.
"""

from collections.abc import Sequence

from asg_autograd.rules.standardization import standardization_cotangent
from asg_autograd.sums import total
from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_autograd.tangents.terms import times
from asg_schema.composites.reduction import Mean
from asg_schema.composites.reduction_normalization import BatchNorm, GroupNorm, InstanceNorm, RmsNorm, default_eps
from asg_schema.editing import Value
from asg_schema.expansion import along_axis, narrow, widen
from asg_schema.ops.elementwise_functions import Rsqrt
from asg_schema.ops.layout import Reshape

__all__: list[str] = []


def _wide_tangents(at: Perturbation) -> list[Value | None]:
    return [None if t is None else widen(t) for t in at.tangents]


@tangents.define(RmsNorm)
def _rms_norm(op: RmsNorm, at: Perturbation) -> Tangents:
    x, *weight = map(widen, at.operands)
    (x_moves, *weight_moves), axes = _wide_tangents(at), tuple(range(-len(op.normalized_shape), 0))
    scale = Rsqrt.of(Mean.of(x * x, axis=axes, keepdims=True) + (default_eps(x.dtype) if op.eps is None else op.eps))
    normalized, by_x = x * scale, None
    if x_moves is not None:
        projection = Mean.of(x_moves * normalized, axis=axes, keepdims=True)
        by_x = scale * (x_moves - normalized * projection)
    moved = total(times(by_x, weight[0]) if weight else by_x, *(times(t, normalized) for t in weight_moves))
    return (None if moved is None else narrow(moved, at.x.dtype),)


@tangents.define(BatchNorm)
def _batch_norm(op: BatchNorm, at: Perturbation) -> Tangents:
    x, mean, var, *affine = map(widen, at.operands)
    x_moves, *of_channels = _wide_tangents(at)
    axis = op.axis_of(op.axis, x.rank)
    mean_moves, var_moves, *affine_moves = (None if t is None else along_axis(t, axis, x.rank) for t in of_channels)
    scale = along_axis(Rsqrt.of(var + op.eps), axis, x.rank)
    normalized = BatchNorm.of(x, mean, var, axis=op.axis, eps=op.eps)
    inner = total(
        times(total(x_moves, None if mean_moves is None else -mean_moves), scale),
        None if var_moves is None else var_moves * scale * scale * normalized * -0.5,
    )
    if affine:
        inner = times(inner, along_axis(affine[0], axis, x.rank))
    moved = total(inner, *_affine_terms(affine_moves, normalized))
    return (None if moved is None else narrow(moved, at.x.dtype),)


def _affine_terms(affine_moves: Sequence[Value | None], normalized: Value) -> tuple[Value | None, ...]:
    """What the tangents of the weight and the bias that there are add, in shapes that broadcast with the operand."""
    weight_moves, *bias_moves = affine_moves or (None,)
    return times(weight_moves, normalized), *bias_moves


@tangents.define(GroupNorm)
def _group_norm(op: GroupNorm, at: Perturbation) -> Tangents:
    x = widen(at.x)
    normalized = GroupNorm.of(x, num_groups=op.num_groups, eps=op.eps)
    by_x, t = None, _wide_tangents(at)[0]
    if t is not None:
        groups = [op.grouped(value) for value in (x, normalized, t)]
        by_x = Reshape.of(standardization_cotangent(*groups, axes=(-1,), eps=op.eps), shape=x.shape)
    return _scaled(by_x, normalized, at)


@tangents.define(InstanceNorm)
def _instance_norm(op: InstanceNorm, at: Perturbation) -> Tangents:
    x, axes = widen(at.x), tuple(range(2, at.x.rank))
    normalized = InstanceNorm.of(x, eps=op.eps)
    t = _wide_tangents(at)[0]
    by_x = None if t is None else standardization_cotangent(x, normalized, t, axes, op.eps)
    return _scaled(by_x, normalized, at)


def _scaled(by_x: Value | None, normalized: Value, at: Perturbation) -> Tangents:
    """The tangent of normalized · weight + bias, both with one number for a channel, from that of `normalized`."""
    _, *affine = (along_axis(widen(value), 1, at.x.rank) if value.rank == 1 else value for value in at.operands)
    affine_moves = [None if t is None else along_axis(t, 1, at.x.rank) for t in _wide_tangents(at)[1:]]
    moved = total(times(by_x, affine[0]) if affine else by_x, *_affine_terms(affine_moves, normalized))
    return (None if moved is None else narrow(moved, at.x.dtype),)
