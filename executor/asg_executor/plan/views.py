"""Which instructions are only views: their result is the memory of their operand, seen through another layout."""

from asg_executor.plan.arrays import concrete_shape
from asg_executor.plan.layout import Layout
from asg_schema.op import Op
from asg_schema.op_table import OpTable
from asg_schema.ops.control import Barrier
from asg_schema.ops.elementwise import Astype, StopGradient
from asg_schema.ops.layout import BroadcastTo, Flip, PermuteDims, Reshape, Slice
from asg_schema.tensor_type import TensorType

__all__ = ["view_of", "views"]

views: OpTable[[Layout, TensorType, TensorType], Layout | None] = OpTable("view")
"""For ops that may be views: the result's layout from the operand's layout and both types, or None for a copy."""


def view_of(op: Op, operand: Layout, source: TensorType, result: TensorType) -> Layout | None:
    """The layout of an op's result if it is a view of its operand, else None."""
    rule = views.get(type(op))
    return None if rule is None else rule(op, operand, source, result)


@views.define(Barrier)
def _barrier_view(op: Barrier, operand: Layout, source: TensorType, result: TensorType) -> Layout:
    return operand


@views.define(StopGradient)
def _stop_gradient_view(op: StopGradient, operand: Layout, source: TensorType, result: TensorType) -> Layout:
    return operand


@views.define(Astype)
def _astype_view(op: Astype, operand: Layout, source: TensorType, result: TensorType) -> Layout | None:
    return operand if source.dtype is op.dtype else None


@views.define(Reshape)
def _reshape_view(op: Reshape, operand: Layout, source: TensorType, result: TensorType) -> Layout | None:
    return operand.reshape(concrete_shape(result))


@views.define(PermuteDims)
def _permute_dims_view(op: PermuteDims, operand: Layout, source: TensorType, result: TensorType) -> Layout:
    return operand.permute([op.axis_of(axis, source.rank) for axis in op.axes])


@views.define(BroadcastTo)
def _broadcast_to_view(op: BroadcastTo, operand: Layout, source: TensorType, result: TensorType) -> Layout:
    return operand.broadcast(concrete_shape(result))


@views.define(Slice)
def _slice_view(op: Slice, operand: Layout, source: TensorType, result: TensorType) -> Layout:
    step = op.step or (1,) * source.rank
    return operand.slice(_ints(op.start), _ints(op.stop), step)


@views.define(Flip)
def _flip_view(op: Flip, operand: Layout, source: TensorType, result: TensorType) -> Layout:
    return operand.flip(op.axes_of(op.axis, source.rank))


def _ints(dims: tuple[object, ...]) -> tuple[int, ...]:
    return tuple(dim for dim in dims if isinstance(dim, int))
