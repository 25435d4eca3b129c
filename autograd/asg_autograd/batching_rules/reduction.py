"""Batching rules of what is taken along axes: reductions, running totals, orderings and normalisations."""

from asg_autograd.batching_rules.axes import shifted, shifted_axes
from asg_autograd.batching_rules.table import Batched, Results, batching
from asg_schema.composites.reduction import LayerNorm, LogSoftmax, Logsumexp, Mean, Softmax, Var
from asg_schema.composites.reduction_normalization import BatchNorm, GroupNorm, InstanceNorm, RmsNorm
from asg_schema.composites.reduction_norms import Norm, Rstd, Std
from asg_schema.composites.reduction_ordering import TopK
from asg_schema.composites.reduction_products import CumulativeProd
from asg_schema.dims import element_count
from asg_schema.expansion import narrow, widen
from asg_schema.ops.layout import Reshape
from asg_schema.ops.reduction import Argmax, Argmin, CumulativeSum, Max, Min, Prod, Reduction, Sum
from asg_schema.ops.reduction_ordering import Argsort, Sort

__all__: list[str] = []


def _reduction(op: Reduction, at: Batched) -> Results:
    return at.again(at.x, axis=shifted_axes(op, op.axis, at.rank()))


for _op in (Sum, Prod, Max, Min, Mean, Var, Std, Rstd, Norm, Logsumexp):
    batching.define(_op)(_reduction)


def _search(op: Argmax | Argmin, at: Batched) -> Results:
    rank = at.rank()
    if op.axis is not None:
        return at.again(at.x, axis=shifted(op.axis, rank))
    flat = Reshape.of(at.x, shape=(at.size, element_count(at.shape())))
    (found,) = at.again(flat, axis=1, keepdims=False)
    return (Reshape.of(found, shape=(at.size, *(1,) * rank)) if op.keepdims else found,)


batching.define(Argmax)(_search)
batching.define(Argmin)(_search)


def _along_axis(
    op: CumulativeSum | CumulativeProd | Sort | Argsort | TopK | Softmax | LogSoftmax, at: Batched
) -> Results:
    return at.again(at.x, axis=shifted(op.axis, at.rank()))


for _op in (CumulativeSum, CumulativeProd, Sort, Argsort, TopK, Softmax, LogSoftmax):
    batching.define(_op)(_along_axis)


def _last_axes_norm(op: LayerNorm | RmsNorm, at: Batched) -> Results | None:
    if at.only_first:
        return at.again(*at.operands)
    # Each example scales by itself, and only then is anything rounded.
    x, *affine = map(widen, at.operands)
    (normalized,) = at.again(x)
    result, *factors = Batched(op, (normalized, *affine), at.mapped, at.size).aligned()
    if factors:
        result = result * factors[0]
    if len(factors) == 2:
        result = result + factors[1]
    return (narrow(result, at.x.dtype),)


batching.define(LayerNorm)(_last_axes_norm)
batching.define(RmsNorm)(_last_axes_norm)


@batching.define(BatchNorm)
def _batch_norm(op: BatchNorm, at: Batched) -> Results | None:
    return at.again(*at.operands, axis=shifted(op.axis, at.rank())) if at.only_first else None


def _per_instance_norm(op: GroupNorm | InstanceNorm, at: Batched) -> Results | None:
    return at.folded(at.operands[1:]) if at.only_first else None


batching.define(GroupNorm)(_per_instance_norm)
batching.define(InstanceNorm)(_per_instance_norm)
