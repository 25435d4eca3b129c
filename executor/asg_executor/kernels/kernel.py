"""What a kernel is, and the table that each family enters its kernels into.

A kernel runs once for each node when an executable is made. It gets the op, the arrays in which its operands will stand
and those into which its results go, and returns a *step*: a function without arguments that does the work for whatever
the operands hold when it is called. The result of a pointwise op may be the very memory of one of its operands; a step
reads an element of its operands before it writes that element of its result.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from asg_executor.allowance import current_allowance
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_schema.op_table import OpTable

__all__ = ["Arrays", "Step", "kernels", "sequence", "stoppable"]

Arrays: TypeAlias = Sequence[Array]
Step: TypeAlias = Callable[[], object]

kernels: OpTable[[Arrays, Arrays, Workspace], Step] = OpTable("kernel")
"""For each op its kernel: from the op, its operands, its results and scratch memory to a step."""


def sequence(*steps: Step) -> Step:
    """The steps one after another, as one step."""
    if len(steps) == 1:
        return steps[0]
    return partial(_run, steps)


def _run(steps: tuple[Step, ...]) -> None:
    for step in steps:
        step()


def stoppable(*steps: Step) -> Step:
    """The steps one after another, as one step that can be stopped between any two of them: for long ones."""
    return partial(_run_stoppable, steps)


def _run_stoppable(steps: tuple[Step, ...]) -> None:
    allowance = current_allowance()
    for step in steps:
        allowance.check_time()
        step()
