"""Batching rules of pooling and resampling: windows slide over the last axes, and leading ones are batches."""

from asg_autograd.batching_rules.table import Batched, Results, batching
from asg_schema.composites.window import AvgPool
from asg_schema.composites.window_adaptive import AdaptiveAvgPool, AdaptiveMaxPool, GlobalAvgPool, GlobalMaxPool
from asg_schema.composites.window_convolution import ConvTranspose
from asg_schema.composites.window_interpolation import Interpolate
from asg_schema.composites.window_unpooling import MaxUnpool
from asg_schema.ops.window import MaxPool, WindowSum

__all__: list[str] = []


def _over_last_axes(
    op: WindowSum | MaxPool | AvgPool | AdaptiveAvgPool | AdaptiveMaxPool | Interpolate, at: Batched
) -> Results:
    return at.again(at.x)


for _op in (WindowSum, MaxPool, AvgPool, AdaptiveAvgPool, AdaptiveMaxPool, Interpolate):
    batching.define(_op)(_over_last_axes)


def _global_pool(op: GlobalAvgPool | GlobalMaxPool, at: Batched) -> Results:
    return at.folded()


batching.define(GlobalAvgPool)(_global_pool)
batching.define(GlobalMaxPool)(_global_pool)


@batching.define(MaxUnpool)
def _max_unpool(op: MaxUnpool, at: Batched) -> Results:
    return at.again(at.every(0), at.every(1))


@batching.define(ConvTranspose)
def _conv_transpose(op: ConvTranspose, at: Batched) -> Results | None:
    return at.folded(at.operands[1:]) if at.only_first else None
