"""Which nodes depend differentiably on which values, and by which path."""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from typing import NamedTuple

from asg_schema.editing import Value
from asg_schema.op import Op
from asg_schema.ops.elementwise import Ceil, Floor, Round, Sign

__all__ = ["Dependent", "dependents", "differentiable_operands", "disconnection", "is_flat", "path_through"]

_FLAT = (Sign, Floor, Ceil, Round)
"""Ops whose derivative is 0 wherever there is one."""


def is_flat(node: Op) -> bool:
    """Whether a node is a function whose derivative is 0 wherever there is one."""
    return isinstance(node, _FLAT)


@cache
def differentiable_operands(op: type[Op], count: int) -> tuple[bool, ...]:
    """For each of an op's operands whether it is differentiable; a variadic declaration stands for all that follow."""
    last = len(op.operands) - 1
    return tuple(op.operands[min(index, last)].differentiable for index in range(count))


class Dependent(NamedTuple):
    """A node that depends differentiably on something.

    Attributes:
        node: the node.
        through: for each of its operands whether it does so through it.
    """

    node: Op
    through: tuple[bool, ...]


def dependents(nodes: Sequence[Op], value: Callable[[str], Value], reached: set[str]) -> list[Dependent]:
    """The nodes that depend differentiably on a value in `reached`, to which their floating-point results are added."""
    found: list[Dependent] = []
    for node in nodes:
        flags = differentiable_operands(type(node), len(node.inputs))
        through = tuple([flag and reference in reached for flag, reference in zip(flags, node.inputs, strict=True)])
        if True not in through:
            continue
        floating = [reference for reference in node.references() if value(reference).dtype.is_floating]
        if floating:
            reached.update(floating)
            found.append(Dependent(node, through))
    return found


def path_through(
    between: Sequence[Dependent], node: Op, results: Iterable[str], reached: Collection[str], ends: Iterable[str]
) -> tuple[str, ...]:
    """The ids on a path through a node, from a value that it depends on to one that depends on it.

    Args:
        between: the nodes that depend on what the path may begin with, in topological order.
        node: one of them.
        results: those of its results that the path may leave it by.
        reached: what the path may begin with, and the results of `between` that depend on it.
        ends: what the path may end with; one of `results` leads to one of them.
    """
    definitions = {reference: step for step, _ in between for reference in step.references()}
    before: list[str] = []
    step: Op | None = node
    while step is not None:
        reference = next(reference for reference in step.inputs if reference in reached)
        step = definitions.get(reference)
        before.append(reference if step is None else step.id)
    source: dict[str, Op] = dict.fromkeys(results, node)
    for later, _ in between:
        for reference in later.inputs:
            if reference in source and later is not node:
                source.update((result, definitions[reference]) for result in later.references())
                break
    end = next(reference for reference in ends if reference in source)
    after: list[str] = []
    here = definitions[end]
    while here is not node:
        after.append(here.id)
        here = source[here.id]
    return (*reversed(before), node.id, *reversed(after))


def disconnection(
    nodes: Sequence[Op], is_floating: Callable[[str], bool], source: str, ends: Iterable[str]
) -> tuple[Op | None, tuple[str, ...]]:
    """Why nothing depends differentiably on a value.

    Args:
        nodes: the graph, in topological order.
        is_floating: whether the value of a reference is floating-point.
        source: the reference of the value.
        ends: references of what does not depend on it differentiably.

    Returns:
        The ids on a path from the value to one of `ends`, none where there is no path, and the first node on it
        through which no derivative passes; None where each passes one that is 0.
    """
    reached: dict[str, tuple[Op, str]] = {}
    for node in nodes:
        begin = next((reference for reference in node.inputs if reference == source or reference in reached), None)
        if begin is not None:
            reached.update((reference, (node, begin)) for reference in node.references())
    here = next((end for end in ends if end in reached), source)
    steps: list[tuple[Op, str, str]] = []
    while here != source:
        node, begin = reached[here]
        steps.append((node, begin, here))
        here = begin
    path = (source, *(node.id for node, _, _ in reversed(steps))) if steps else ()
    for node, begin, end in reversed(steps):
        flags = differentiable_operands(type(node), len(node.inputs))
        passes = any(flag and reference == begin for flag, reference in zip(flags, node.inputs, strict=True))
        if not passes or isinstance(node, _FLAT) or not is_floating(end):
            return node, path
    return None, path
