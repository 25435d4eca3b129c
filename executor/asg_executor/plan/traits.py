"""What planning has to know of an op besides its type rule."""

from asg_schema.op import Op
from asg_schema.ops.indexing import IndexAdd, ScatterAddAlongAxis, Take, TakeAlongAxis
from asg_schema.ops.indexing_nd import GatherNd, ScatterNdAdd, ScatterNdSet
from asg_schema.ops.layout import DynamicUpdateSlice
from asg_schema.ops.linalg import Cholesky, Eigh, Svd, TriangularSolve

__all__ = ["can_fail", "is_pointwise", "updates_first_operand"]

_CAN_FAIL = frozenset(
    {
        *(Take, IndexAdd, TakeAlongAxis, ScatterAddAlongAxis, GatherNd, ScatterNdAdd, ScatterNdSet),
        *(Cholesky, TriangularSolve, Eigh, Svd),
    }
)
_UPDATES = frozenset({IndexAdd, ScatterAddAlongAxis, ScatterNdAdd, ScatterNdSet, DynamicUpdateSlice})


def can_fail(op: Op) -> bool:
    """Whether an op may raise an error for some data: an index that is out of range, a matrix without factors."""
    return type(op) in _CAN_FAIL


def is_pointwise(op: Op) -> bool:
    """Whether each element of the result depends on one element of each operand, after broadcasting."""
    return op.family() in ("elementwise", "comparison") and len(op.results) == 1


def updates_first_operand(op: Op) -> bool:
    """Whether the result is the first operand with some elements changed, so that it may take over its memory."""
    return type(op) in _UPDATES
