"""One instruction as a step of its NumPy kernel."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from asg_executor.errors import RunError
from asg_executor.kernels.kernel import Step
from asg_executor.kernels.table import KERNELS
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array, concrete_shape, numpy_dtype
from asg_executor.plan.program import Instruction
from asg_executor.plan.traits import can_fail
from asg_schema.op import Op
from asg_schema.tensor_type import TensorType

__all__ = ["evaluate", "node_name", "numpy_step"]

_MOST_FOLDING_BYTES = 256 * 1024 * 1024  # of scratch memory, for what is computed while planning


def numpy_step(
    instruction: Instruction, operands: Sequence[Array], results: Sequence[Array], workspace: Workspace
) -> Step:
    """The kernel's step; where it may fail, one whose error names the document's node."""
    step = KERNELS[type(instruction.op)](instruction.op, operands, results, workspace)
    if instruction.op is instruction.origin or not can_fail(instruction.op):
        return step
    return partial(_run_for, instruction.origin, step)


def _run_for(origin: Op, step: Step) -> None:
    try:
        step()
    except RunError as error:
        raise error.within(origin.id, origin.name) from None


def node_name(node: Op) -> str:
    """How errors name a node."""
    return f'node "{node.id}" ({node.name})'


def evaluate(instruction: Instruction, arrays: Sequence[Array], types: Sequence[TensorType]) -> tuple[Array, ...]:
    """Compute an instruction once, for planning."""
    results = tuple(np.empty(concrete_shape(type), numpy_dtype(type.dtype)) for type in types)
    step = numpy_step(instruction, arrays, results, Workspace(_MOST_FOLDING_BYTES))
    with np.errstate(all="ignore"):
        step()
    return results
