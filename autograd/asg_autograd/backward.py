"""Reverse accumulation: from the cotangents of what is differentiated to those of what it depends on.

One pass over the nodes from last to first, without recursion. Only nodes on a path from a wanted value to a seed are
visited; cotangents of one value are added in the order in which its uses are met, so that the result is determined.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from asg_autograd.errors import NotDifferentiableError, TransformError
from asg_autograd.rules import rules
from asg_autograd.rules.table import Application, Cotangents
from asg_autograd.unbroadcast import unbroadcast
from asg_schema.composite import Composite
from asg_schema.document import Input
from asg_schema.editing import Editor, Value
from asg_schema.errors import DimError
from asg_schema.op import Op

__all__ = ["backward"]


def backward(
    nodes: Sequence[Op],
    value: Callable[[str], Value],
    seeds: Mapping[str, Value],
    wanted: Iterable[str],
    visit: Callable[[Op], None] | None = None,
) -> dict[str, Value]:
    """The cotangents of the wanted values.

    Args:
        nodes: the graph, in topological order.
        value: for a reference of that graph, its value in the graph that the cotangents are appended to.
        seeds: the cotangents of what is differentiated, by reference.
        wanted: references of floating-point values that no node yields.
        visit: called with each node before its cotangents are appended.

    Returns:
        The cotangents of those wanted values on which a seed depends; those of the others are zero.

    Raises:
        NotDifferentiableError: an op on a path has no gradient rule and no expansion.
        TransformError: a symbolic dim that a rule needs is too large an expression.
    """
    reached = set(wanted)
    between = _dependents(nodes, value, reached)
    cotangents = {reference: seed for reference, seed in seeds.items() if reference in reached}
    for node in reversed(between):
        references = node.references()
        given = tuple(cotangents.pop(reference, None) for reference in references)
        if given.count(None) == len(given):
            continue
        if visit is not None:
            visit(node)
        operands = tuple(map(value, node.inputs))
        try:
            pulled = _pull_back(node, Application(operands, tuple(map(value, references)), given))
        except NotDifferentiableError as error:
            op = node.name if error.node == node.id else f"{node.name}, in whose expansion is {error.op}"
            raise NotDifferentiableError(node.id, op, _path(between, node, seeds, reached), error.reason) from None
        except DimError as error:
            raise TransformError(f'node "{node.id}" ({node.name}) cannot be differentiated: {error}') from None
        _accumulate(cotangents, node, operands, pulled, reached)
    return cotangents


def _accumulate(
    cotangents: dict[str, Value], node: Op, operands: tuple[Value, ...], pulled: Cotangents, reached: set[str]
) -> None:
    flags = _differentiable_operands(type(node), len(operands))
    for reference, operand, cotangent, differentiable in zip(node.inputs, operands, pulled, flags, strict=True):
        if cotangent is None or reference not in reached or not differentiable:
            continue
        cotangent = unbroadcast(cotangent, operand.shape)
        if cotangent.dtype is not operand.dtype:
            raise TypeError(f"the gradient rule of {node.name} yields {cotangent.type} for an operand {operand.type}")
        before = cotangents.get(reference)
        cotangents[reference] = cotangent if before is None else before + cotangent


@cache
def _differentiable_operands(op: type[Op], count: int) -> tuple[bool, ...]:
    """For each of an op's operands whether it is differentiable; a variadic declaration stands for all that follow."""
    last = len(op.operands) - 1
    return tuple(op.operands[min(index, last)].differentiable for index in range(count))


def _dependents(nodes: Sequence[Op], value: Callable[[str], Value], reached: set[str]) -> list[Op]:
    """The nodes that depend differentiably on a value in `reached`, to which their floating-point results are added."""
    found: list[Op] = []
    for node in nodes:
        inputs = node.inputs
        flags = _differentiable_operands(type(node), len(inputs))
        if not any(flag and reference in reached for flag, reference in zip(flags, inputs, strict=True)):
            continue
        floating = [reference for reference in node.references() if value(reference).dtype.is_floating]
        if floating:
            reached.update(floating)
            found.append(node)
    return found


def _pull_back(node: Op, application: Application) -> Cotangents:
    rule = rules.get(type(node))
    if rule is not None:
        return rule(node, application)
    if isinstance(node, Composite):
        return _pull_back_expansion(node, application)
    raise NotDifferentiableError(node.id, node.name, (node.id,))


def _pull_back_expansion(node: Composite, application: Application) -> Cotangents:
    """The cotangents of a composite's operands by differentiating its expansion, which is appended first.

    The expansion is written into a graph of its own, whose structure is then followed: in the target graph a node of it
    may turn out to be one that stands before the composite's operands.
    """
    editor = application.y.editor
    inner = Editor()
    names = [f"operand{index}" for index in range(len(application.operands))]
    inputs = [
        inner.add_input(Input(id=name, dtype=operand.dtype, shape=operand.shape))
        for name, operand in zip(names, application.operands, strict=True)
    ]
    results = node.expand(inputs)
    values = dict(zip(names, application.operands, strict=True))
    for step in inner.nodes:
        attributes = {name: getattr(step, name) for name in step.attributes}
        emitted = editor.emit(type(step), [values[reference] for reference in step.inputs], attributes)
        values.update(zip(step.references(), emitted, strict=True))
    seeds = {
        result.id: cotangent
        for result, cotangent in zip(results, application.cotangents, strict=True)
        if cotangent is not None
    }
    wanted = [name for name, operand in zip(names, application.operands, strict=True) if operand.dtype.is_floating]
    found = backward(inner.nodes, values.__getitem__, seeds, wanted)
    return tuple(found.get(name) for name in names)


def _path(between: Sequence[Op], node: Op, seeds: Mapping[str, Value], reached: set[str]) -> tuple[str, ...]:
    """The ids on a path from a wanted value through `node` to a seed."""
    definitions = {reference: step for step in between for reference in step.references()}
    before: list[str] = []
    step: Op | None = node
    while step is not None:
        reference = next(reference for reference in step.inputs if reference in reached)
        step = definitions.get(reference)
        before.append(reference if step is None else step.id)
    source: dict[str, Op] = dict.fromkeys(node.references(), node)
    for later in between:
        for reference in later.inputs:
            if reference in source and later is not node:
                source.update((result, definitions[reference]) for result in later.references())
                break
    end = next(reference for reference in seeds if reference in source)
    after: list[str] = []
    here = definitions[end]
    while here is not node:
        after.append(here.id)
        here = source[here.id]
    return (*reversed(before), node.id, *reversed(after))
