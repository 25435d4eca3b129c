"""Calls of functions in forward mode: their tangents are a function, too, and stand once in a document.

Of a function with a `vjp` of its own the tangent is that of the linear map which the `vjp` is the transposition of. The
transposition of that is the tangent: the gradient of the `vjp` by its cotangents, on which it no longer depends.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

from asg_autograd.backward import backward
from asg_autograd.dependence import differentiable_operands, is_flat
from asg_autograd.derived_functions import (
    DerivedFunction,
    check_size,
    derived_function,
    derived_name,
    derived_seeds,
    editor_of,
)
from asg_autograd.errors import NotDifferentiableError
from asg_autograd.naming import free_scope, scopes_of_nodes
from asg_autograd.tangents import Perturbation, Tangents
from asg_schema.composites.control import Call
from asg_schema.editing import Value
from asg_schema.function import LinkedFunction
from asg_schema.op import Op
from asg_schema.traversal import live_among

__all__ = ["Forward", "push_forward_through"]

Forward: TypeAlias = Callable[
    [Sequence[Op], Callable[[str], Value], Mapping[str, Value], Iterable[str], Callable[[Op], None] | None],
    dict[str, Value],
]
"""`forward`, which needs this module."""


class _NonlinearError(Exception):
    """A `vjp` is no linear function of the cotangents, or cannot be transposed; the message says why."""


def push_forward_through(node: Call, at: Perturbation, forward: Forward) -> Tangents:
    """The tangents of a call's results, by a call of a function that is made of the one that it calls.

    Args:
        node: the call.
        at: its application.
        forward: what pushes tangents forward through nodes.

    Raises:
        NotDifferentiableError: a node of the function cannot be differentiated, or its `vjp` cannot be transposed.
        TransformError: there are too many nodes.
    """
    function = node.linked
    check_size(function)
    given = tuple(tangent is not None for tangent in at.tangents)
    seeds = [tangent for tangent in at.tangents if tangent is not None]
    if function.vjp is None:
        return _tangents(function, given, at.needed, forward).call((*at.operands, *seeds), len(at.needed))
    try:
        made = _transposed(function, function.vjp, given)
    except _NonlinearError as error:
        raise NotDifferentiableError(node.id, node.name, (node.id,), str(error)) from None
    return made.call((*at.operands, *at.results, *seeds), len(at.needed))


@lru_cache(maxsize=256)
def _tangents(
    function: LinkedFunction, given: tuple[bool, ...], needed: tuple[bool, ...], forward: Forward
) -> DerivedFunction:
    """What pushes tangents forward through a function.

    Args:
        function: the function, which has no `vjp`.
        given: for each input whether it has a tangent.
        needed: for each output whether its tangent is used.
        forward: what pushes tangents forward through nodes.
    """
    editor = editor_of(function)
    moved = [item.id for item, is_given in zip(function.inputs, given, strict=True) if is_given]
    seeds = dict(zip(moved, derived_seeds(editor, "tangent", moved), strict=True))
    editor.scope = editor.constant_scope = free_scope("tangent", editor.types)
    wanted = [item for item, is_needed in zip(function.outputs, needed, strict=True) if is_needed]
    asked = list(dict.fromkeys(item.value for item in wanted))
    found = forward(function.nodes, editor.value, seeds, asked, scopes_of_nodes(editor, "tangent"))
    floating = [item for item in function.outputs if editor.types[item.value].dtype.is_floating]
    name = derived_name("jvp", moved, None if wanted == floating else [item.name for item in wanted], function)
    results = [found.get(item.value) if item in wanted else None for item in function.outputs]
    return derived_function(name, editor, results, [f"tangent.{item.name}" for item in function.outputs])


def _check_smooth(vjp: LinkedFunction, cotangents: frozenset[str], values: Sequence[str]) -> None:
    """Refuse a function whose results depend on cotangents by a way that no derivative passes.

    Raises:
        _NonlinearError: there is such a way.
    """
    node = _flat_node(vjp, cotangents, tuple(values))
    if node is not None:
        raise _NonlinearError(
            f'the vjp "{vjp.name}" of its function is no linear function of the cotangents: {node.name} '
            f'("{node.id}") depends on them'
        )


@lru_cache(maxsize=256)
def _flat_node(function: LinkedFunction, moving: frozenset[str], values: tuple[str, ...]) -> Op | None:
    """The first node by which some values of a function depend on inputs that move, and that passes no derivative."""
    reached = set(moving)
    for node in live_among(function.nodes, values):
        flags = differentiable_operands(type(node), len(node.inputs))
        moves = [reference in reached for reference in node.inputs]
        if not any(moves):
            continue
        if is_flat(node) or any(moved and not flag for moved, flag in zip(moves, flags, strict=True)):
            return node
        reached.update(node.references())
        if isinstance(node, Call):
            within = frozenset(item.id for item, moved in zip(node.linked.inputs, moves, strict=True) if moved)
            inner = _flat_node(node.linked, within, tuple(item.value for item in node.linked.outputs))
            if inner is not None:
                return inner
    return None


@lru_cache(maxsize=256)
def _transposed(function: LinkedFunction, vjp: LinkedFunction, given: tuple[bool, ...]) -> DerivedFunction:
    """What pushes tangents forward through a function that has a `vjp`.

    It takes the function's inputs and outputs, and the tangents that are given.

    Raises:
        _NonlinearError: the `vjp` cannot be transposed.
    """
    editor = editor_of(vjp)
    floating = [place for place, item in enumerate(function.inputs) if item.dtype.is_floating]
    pulled = {place: item.value for place, item in zip(floating, vjp.outputs, strict=True)}
    moved = [place for place, is_given in enumerate(given) if is_given]
    before = len(function.inputs) + len(function.outputs)
    cotangents = [item.id for item in vjp.inputs[before:]]
    seeds: dict[str, Value] = {}
    for place, seed in zip(moved, derived_seeds(editor, "tangent", [pulled[place] for place in moved]), strict=True):
        reference = pulled[place]
        seeds[reference] = seeds[reference] + seed if reference in seeds else seed
    editor.scope = editor.constant_scope = free_scope("tangent", editor.types)
    _check_smooth(vjp, frozenset(cotangents), [pulled[place] for place in moved])
    try:
        found = backward(vjp.nodes, editor.value, seeds, cotangents, scopes_of_nodes(editor, "tangent"))
    except NotDifferentiableError as error:
        raise _NonlinearError(
            f'the vjp "{vjp.name}" of its function is no linear function of the cotangents: {error.op}'
        ) from None
    left, types = iter(cotangents), function.types
    results = [found.get(next(left)) if types[item.value].dtype.is_floating else None for item in function.outputs]
    name = derived_name("jvp", (function.inputs[place].id for place in moved), None, function)
    made = derived_function(name, editor, results, [f"tangent.{item.name}" for item in function.outputs])
    if any(before <= place < before + len(cotangents) for place in made.taken):
        raise _NonlinearError(f'the vjp "{vjp.name}" of its function is no linear function of the cotangents')
    behind = before + len(cotangents)
    taken = tuple(place if place < before else place - (behind - before) for place in made.taken)
    return DerivedFunction(made.function, taken, made.places)
