"""Linking: nodes that call a function of the document are given that function, and functions those that they call."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from asg_schema.composites.control import Call
from asg_schema.errors import AsgError
from asg_schema.function import LinkedFunction, reachable_functions
from asg_schema.op import Op

if TYPE_CHECKING:
    from asg_schema.any_op import Function

__all__ = [
    "DEEPEST_CALLS",
    "LinkFault",
    "as_parts",
    "called_names",
    "functions_of",
    "link_functions",
    "linked_nodes",
]

DEEPEST_CALLS = 64
"""How many functions may call each other, one within the other."""


_MOST_SHOWN = 6


class LinkFault(NamedTuple):
    """Why a function cannot be called.

    Attributes:
        name: its name.
        code: the kind of problem.
        message: what is wrong.
    """

    name: str
    code: str
    message: str


def called_names(function: "Function") -> list[str]:
    """The names of the functions that a function calls, and of the one that it is differentiated by."""
    names = [node.function_name for node in function.nodes if isinstance(node, Call)]
    return [*dict.fromkeys(names), *([] if function.vjp is None else [function.vjp])]


def link_functions(functions: "Mapping[str, Function]") -> tuple[dict[str, LinkedFunction], list[LinkFault]]:
    """Link functions with each other.

    Returns:
        The functions that can be called, those that are called before those that call them; and what keeps the others
        from it, where that is not that they call one of those or one that does not exist.
    """
    linked: dict[str, LinkedFunction] = {}
    faults: list[LinkFault] = []
    for name in _callee_first(functions, faults):
        function = functions[name]
        if any(called not in linked for called in called_names(function)):
            continue
        vjp = None if function.vjp is None else linked[function.vjp]
        ready = LinkedFunction(name, function.inputs, linked_nodes(function.nodes, linked), function.outputs, vjp)
        if ready.depth > DEEPEST_CALLS:
            message = f"its calls are nested {ready.depth} deep; at most {DEEPEST_CALLS} are allowed"
            faults.append(LinkFault(name, "invalid_value", message))
        else:
            linked[name] = ready
    return linked, faults


def _callee_first(functions: "Mapping[str, Function]", faults: list[LinkFault]) -> list[str]:
    """The names of functions, each after those that it calls; those that call themselves are faults, and left out."""
    needs = {name: {called for called in called_names(item) if called in functions} for name, item in functions.items()}
    callers: dict[str, list[str]] = {name: [] for name in functions}
    for name, called in needs.items():
        for other in called:
            callers[other].append(name)
    order = [name for name, called in needs.items() if not called]
    for name in order:  # it grows meanwhile
        for caller in callers[name]:
            needs[caller].discard(name)
            if not needs[caller]:
                order.append(caller)
    faults.extend(_cycles({name: min(called) for name, called in needs.items() if called}))
    return order


def _cycles(calls: Mapping[str, str]) -> Iterable[LinkFault]:
    """A fault for each cycle that is met where every function of a mapping calls another of it."""
    seen: set[str] = set()
    for start in calls:
        way: dict[str, None] = {}
        step = start
        while step not in seen:
            seen.add(step)
            way[step] = None
            step = calls[step]
        if step in way:
            names = list(way)
            cycle = [f'"{name}"' for name in [*names[names.index(step) :], step]]
            if len(cycle) > _MOST_SHOWN:
                cycle = [*cycle[:_MOST_SHOWN], f"… {len(cycle) - _MOST_SHOWN - 2:,} more …", cycle[-1]]
            path = " → ".join(cycle)
            yield LinkFault(step, "invalid_value", f"it calls itself: {path}; a function calls only others")


def linked_nodes(nodes: Iterable[Op], functions: Mapping[str, LinkedFunction]) -> tuple[Op, ...]:
    """Nodes, of which those that call a function hold the one of that name, if it is known."""
    return tuple(_linked(node, functions) for node in nodes)


def _linked(node: Op, functions: Mapping[str, LinkedFunction]) -> Op:
    if isinstance(node, Call) and node.function_name in functions:
        return node.model_copy(update={"function": functions[node.function_name]})
    return node


def functions_of(nodes: Iterable[Op]) -> "dict[str, Function]":
    """The functions that nodes call, and those that these call, as a document has them.

    Raises:
        AsgError: two of them have one name.
    """
    found: dict[str, LinkedFunction] = {}
    for item in reachable_functions(nodes):
        if found.setdefault(item.name, item) != item:
            raise AsgError(f'two functions are called "{item.name}" and are not the same; give one another name')
    return as_parts(found)


def as_parts(functions: Mapping[str, LinkedFunction]) -> "dict[str, Function]":
    """Functions as a document has them, by name."""
    from asg_schema.any_op import Function  # at run time only here: its union of nodes needs all ops first

    return {
        name: Function.model_construct(
            inputs=item.inputs,
            nodes=item.nodes,
            outputs=item.outputs,
            vjp=None if item.vjp is None else item.vjp.name,
        )
        for name, item in functions.items()
    }
