"""Kernels of creation ops. Planning knows their values beforehand; these are for results too large to be kept."""

from functools import partial

import numpy as np

from asg_executor.kernels.kernel import Arrays, Step, kernels
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import dtype_of
from asg_executor.plan.constants import creation_value
from asg_schema.op import Op
from asg_schema.ops.creation import Constant, DimSize, Full, Iota
from asg_schema.tensor_type import TensorType

__all__ = ["creation"]


def creation(op: Op, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The step that lays down a creation op's value."""
    types = tuple(TensorType(dtype, array.shape) for array in operands if (dtype := dtype_of(array)) is not None)
    value = creation_value(op, types)
    assert value is not None, f"{op.name} is not a creation op"
    return partial(np.copyto, results[0], value)


for _op in (Full, Constant, Iota, DimSize):
    kernels.define(_op)(creation)
