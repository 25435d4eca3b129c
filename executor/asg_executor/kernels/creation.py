"""Kernels of creation ops. Planning knows most values beforehand; these are for results too large to be kept."""

from functools import partial

import numpy as np

from asg_executor.kernels.kernel import Arrays, Step, kernels, sequence
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array, dtype_of
from asg_executor.plan.constants import creation_value
from asg_schema.op import Op
from asg_schema.ops.creation import Constant, DimSize, Full, Iota
from asg_schema.tensor_type import TensorType

__all__ = ["creation"]

_PIECE = 65_536  # elements


def creation(op: Op, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The step that lays down a creation op's value."""
    types = tuple(TensorType(dtype, array.shape) for array in operands if (dtype := dtype_of(array)) is not None)
    value = creation_value(op, types)
    assert value is not None, f"{op.name} is not a creation op"
    return partial(np.copyto, results[0], value)


for _op in (Full, Constant, DimSize):
    kernels.define(_op)(creation)


@kernels.define(Iota)
def iota(op: Iota, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The step counts piece by piece, so that it keeps no copy of its result."""
    (result,) = results
    if result.size == 0:
        return sequence()
    along = np.moveaxis(result, op.axis, 0)
    piece = np.arange(min(_PIECE, along.shape[0]), dtype=np.int64).reshape(-1, *(1,) * (along.ndim - 1))
    return partial(_count, along, piece, workspace.empty(piece.shape, np.int64))


def _count(along: Array, piece: Array, counted: Array) -> None:
    for begin in range(0, along.shape[0], piece.shape[0]):
        part = along[begin : begin + piece.shape[0]]
        np.add(piece, begin, out=counted)
        np.copyto(part, counted[: part.shape[0]], casting="unsafe")
