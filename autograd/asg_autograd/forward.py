"""Forward accumulation: from the tangents of what a graph depends on to those of what it yields.

One pass over the nodes from first to last, without recursion. Only nodes on a path from a value that moves to a wanted
one are visited.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from asg_autograd.dependence import Dependent, dependents, differentiable_operands, path_through
from asg_autograd.errors import NotDifferentiableError, TransformError
from asg_autograd.function_tangents import push_forward_through
from asg_autograd.inlining import inline
from asg_autograd.tangents import Perturbation, Tangents, tangents
from asg_schema.composite import Composite
from asg_schema.composites.control import Call
from asg_schema.editing import Value
from asg_schema.errors import DimError
from asg_schema.op import Op
from asg_schema.ops.layout import BroadcastTo

__all__ = ["forward"]


def forward(
    nodes: Sequence[Op],
    value: Callable[[str], Value],
    seeds: Mapping[str, Value],
    wanted: Iterable[str],
    visit: Callable[[Op], None] | None = None,
) -> dict[str, Value]:
    """The tangents of the wanted values.

    Args:
        nodes: the graph, in topological order.
        value: for a reference of that graph, its value in the graph that the tangents are appended to.
        seeds: the tangents of what moves, by reference: floating-point values that no node yields.
        wanted: references of floating-point values.
        visit: called with each node before its tangents are appended.

    Returns:
        The tangents of those wanted values that depend on what moves; those of the others are zero.

    Raises:
        NotDifferentiableError: an op on a path has no tangent rule and no expansion.
        TransformError: a symbolic dim that a rule needs is too large an expression.
    """
    reached, wanted = set(seeds), list(wanted)
    between = dependents(nodes, value, reached)
    needed = reached.intersection(wanted)
    on_path = _leading_to(between, needed)
    found = {reference: seed for reference, seed in seeds.items() if reference in needed}
    for node in on_path:
        given = _tangents_of_operands(node, found)
        if given.count(None) == len(given):
            continue
        if visit is not None:
            visit(node)
        references = node.references()
        results = tuple(map(value, references))
        flags = tuple(reference in needed for reference in references)
        try:
            pushed = _push_forward(node, Perturbation(tuple(map(value, node.inputs)), results, given, flags))
        except NotDifferentiableError as error:
            op = node.name if error.node == node.id else f"{node.name}, in whose expansion is {error.op}"
            through = error.path if error.node == node.id else references
            path = path_through(between, node, through, reached, wanted)
            raise NotDifferentiableError(node.id, op, path, error.reason) from None
        except DimError as error:
            raise TransformError(f'node "{node.id}" ({node.name}) cannot be differentiated: {error}') from None
        for reference, result, tangent, is_needed in zip(references, results, pushed, flags, strict=True):
            if is_needed and tangent is not None:
                found[reference] = _of_type(result, tangent, node)
    return {reference: found[reference] for reference in wanted if reference in found}


def _leading_to(between: Sequence[Dependent], needed: set[str]) -> list[Op]:
    """The nodes that lead to a value in `needed`, to which the operands through which they depend are added."""
    found: list[Op] = []
    for node, through in reversed(between):
        if needed.isdisjoint(node.references()):
            continue
        found.append(node)
        needed.update([reference for reference, is_reached in zip(node.inputs, through, strict=True) if is_reached])
    found.reverse()
    return found


def _tangents_of_operands(node: Op, found: Mapping[str, Value]) -> Tangents:
    flags = differentiable_operands(type(node), len(node.inputs))
    return tuple(found.get(reference) if flag else None for reference, flag in zip(node.inputs, flags, strict=True))


def _of_type(result: Value, tangent: Value, node: Op) -> Value:
    if tangent.dtype is not result.dtype:
        raise TypeError(f"the tangent rule of {node.name} yields {tangent.type} for a result {result.type}")
    return tangent if tangent.shape == result.shape else BroadcastTo.of(tangent, shape=result.shape)


def _push_forward(node: Op, perturbation: Perturbation) -> Tangents:
    if isinstance(node, Call):
        return push_forward_through(node, perturbation, forward)
    rule = tangents.find(type(node))
    if rule is not None:
        return rule(node, perturbation)
    if isinstance(node, Composite):
        return _push_forward_expansion(node, perturbation)
    raise NotDifferentiableError(node.id, node.name, node.references())


def _push_forward_expansion(node: Composite, perturbation: Perturbation) -> Tangents:
    """The tangents of a composite's results by differentiating its expansion, which is appended first."""
    inlined = inline(node, perturbation.operands)
    seeds = {
        operand: tangent
        for operand, tangent in zip(inlined.operands, perturbation.tangents, strict=True)
        if tangent is not None
    }
    wanted = [reference for reference, needed in zip(inlined.results, perturbation.needed, strict=True) if needed]
    found = forward(inlined.nodes, inlined.values.__getitem__, seeds, wanted)
    return tuple(map(found.get, inlined.results))
