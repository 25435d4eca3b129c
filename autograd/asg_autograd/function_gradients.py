"""Calls of functions without a `vjp`: their gradient is a function, too, and stands once in a document."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

from asg_autograd.derived_functions import (
    DerivedFunction,
    check_size,
    derived_function,
    derived_name,
    derived_seeds,
    editor_of,
)
from asg_autograd.naming import free_scope, scopes_of_nodes
from asg_autograd.rules.table import Application, Cotangents
from asg_schema.editing import Value
from asg_schema.function import LinkedFunction
from asg_schema.op import Op

__all__ = ["Backward", "pull_back_through"]

Backward: TypeAlias = Callable[
    [Sequence[Op], Callable[[str], Value], Mapping[str, Value], Iterable[str], Callable[[Op], None] | None],
    dict[str, Value],
]
"""`backward`, which needs this module."""


def pull_back_through(
    function: LinkedFunction, application: Application, wanted: tuple[bool, ...], backward: Backward
) -> Cotangents:
    """The cotangents of a call's operands, by a call of the gradient of its function.

    Args:
        function: the function, which has no `vjp`.
        application: the call.
        wanted: for each operand whether its cotangent is asked for.
        backward: what pulls cotangents back through nodes.

    Raises:
        NotDifferentiableError: a node of the function cannot be differentiated.
        TransformError: there are too many nodes.
    """
    check_size(function)
    given = tuple(
        cotangent is not None if result.dtype.is_floating else None
        for cotangent, result in zip(application.cotangents, application.results, strict=True)
    )
    seeds = [cotangent for cotangent in application.cotangents if cotangent is not None]
    return _gradient(function, wanted, given, backward).call((*application.operands, *seeds), len(wanted))


@lru_cache(maxsize=256)
def _gradient(
    function: LinkedFunction, wanted: tuple[bool, ...], given: tuple[bool | None, ...], backward: Backward
) -> DerivedFunction:
    """What pulls cotangents back through a function.

    Args:
        function: the function.
        wanted: for each input whether its cotangent is asked for.
        given: for each output whether it has a cotangent; None for one that can have none.
        backward: what pulls cotangents back through nodes.
    """
    editor = editor_of(function)
    chosen = [item for item, is_given in zip(function.outputs, given, strict=True) if is_given]
    seeds: dict[str, Value] = {}
    for item, seed in zip(chosen, derived_seeds(editor, "cotangent", [item.value for item in chosen]), strict=True):
        seeds[item.value] = seeds[item.value] + seed if item.value in seeds else seed
    editor.scope = editor.constant_scope = free_scope("grad", editor.types)
    asked = [item.id for item, is_wanted in zip(function.inputs, wanted, strict=True) if is_wanted]
    found = backward(function.nodes, editor.value, seeds, asked, scopes_of_nodes(editor, "grad"))
    name = derived_name("grad", asked, [item.name for item in chosen] if False in given else None, function)
    return derived_function(
        name,
        editor,
        [found.get(item.id) for item in function.inputs],
        [f"grad.{item.id}" for item in function.inputs],
    )
