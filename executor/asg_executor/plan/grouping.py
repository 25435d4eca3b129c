"""Grouping: which instructions run together, tile by tile, so that what passes between them stays in the cache."""

from collections.abc import Mapping, Sequence

from asg_executor.plan.layout import Layout
from asg_executor.plan.plan import Stage
from asg_executor.plan.program import Instruction, Program

__all__ = ["group"]


def group(program: Program, computed: Sequence[Instruction], layouts: Mapping[str, Layout]) -> list[Stage]:
    """The stages of a program."""
    return [Stage((instruction,)) for instruction in computed]
