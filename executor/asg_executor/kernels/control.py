"""Kernels of what controls how a program is run."""

from functools import partial

import numpy as np

from asg_executor.kernels.kernel import Arrays, Step, kernels
from asg_executor.kernels.workspace import Workspace
from asg_schema.ops.control import Barrier

__all__ = ["barrier"]


@kernels.define(Barrier)
def barrier(op: Barrier, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The step of `barrier`, where it is not a view."""
    return partial(np.copyto, results[0], operands[0])
