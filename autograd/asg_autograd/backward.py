"""Reverse accumulation: from the cotangents of what is differentiated to those of what it depends on.

One pass over the nodes from last to first, without recursion. Only nodes on a path from a wanted value to a seed are
visited; cotangents of one value are added in the order in which its uses are met, so that the result is determined.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from asg_autograd.custom_gradient import custom_vjp, pull_back_call
from asg_autograd.dependence import dependents, path_through
from asg_autograd.errors import NotDifferentiableError, TransformError
from asg_autograd.function_gradients import pull_back_through
from asg_autograd.inlining import inline
from asg_autograd.rules import rules
from asg_autograd.rules.table import Application, Cotangents
from asg_autograd.sums import added
from asg_autograd.unbroadcast import unbroadcast
from asg_schema.composite import Composite
from asg_schema.composites.control import Call
from asg_schema.editing import Value
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
    between = dependents(nodes, value, reached)
    cotangents = {reference: seed for reference, seed in seeds.items() if reference in reached}
    for node, through in reversed(between):
        references = node.references()
        given = tuple([cotangents.pop(reference, None) for reference in references])
        if given.count(None) == len(given):
            continue
        if visit is not None:
            visit(node)
        operands = tuple(map(value, node.inputs))
        try:
            application = Application(operands, tuple(map(value, references)), given)
            pulled = _pull_back(node, application, through)
        except NotDifferentiableError as error:
            op = node.name if error.node == node.id else f"{node.name}, in whose expansion is {error.op}"
            left_by = error.path if error.node == node.id else references
            path = path_through(between, node, left_by, reached, seeds)
            raise NotDifferentiableError(node.id, op, path, error.reason) from None
        except DimError as error:
            raise TransformError(f'node "{node.id}" ({node.name}) cannot be differentiated: {error}') from None
        _accumulate(cotangents, node, operands, pulled, through)
    return cotangents


def _accumulate(
    cotangents: dict[str, Value], node: Op, operands: tuple[Value, ...], pulled: Cotangents, through: tuple[bool, ...]
) -> None:
    for reference, operand, cotangent, is_wanted in zip(node.inputs, operands, pulled, through, strict=True):
        if cotangent is None or not is_wanted:
            continue
        if cotangent.type != operand.type:
            cotangent = unbroadcast(cotangent, operand.shape)
            if cotangent.dtype is not operand.dtype:
                raise TypeError(f"the rule of {node.name} yields {cotangent.type} for an operand {operand.type}")
        before = cotangents.get(reference)
        cotangents[reference] = cotangent if before is None else added(before, cotangent)


def _pull_back(node: Op, application: Application, through: tuple[bool, ...]) -> Cotangents:
    rule = rules.find(type(node))
    if rule is not None:
        return rule(node, application)
    if isinstance(node, Call):
        return _pull_back_call(node, application, through)
    if isinstance(node, Composite):
        return _pull_back_expansion(node, application)
    raise NotDifferentiableError(node.id, node.name, node.references())


def _pull_back_call(node: Call, application: Application, through: tuple[bool, ...]) -> Cotangents:
    vjp = custom_vjp(node)
    if vjp is not None:
        return pull_back_call(vjp, application)
    return pull_back_through(node.linked, application, through, backward)


def _pull_back_expansion(node: Composite, application: Application) -> Cotangents:
    """The cotangents of a composite's operands by differentiating its expansion, which is appended first."""
    inlined = inline(node, application.operands)
    seeds = {
        result: cotangent
        for result, cotangent in zip(inlined.results, application.cotangents, strict=True)
        if cotangent is not None
    }
    wanted = [name for name in inlined.operands if inlined.values[name].dtype.is_floating]
    found = backward(inlined.nodes, inlined.values.__getitem__, seeds, wanted)
    return tuple(map(found.get, inlined.operands))
