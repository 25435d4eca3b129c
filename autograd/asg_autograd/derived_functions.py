"""Functions that transforms make of functions: what gradients and tangents of calls share.

Such a function computes the values of the one that it is made of again, as far as it needs them. Where both calls are
expanded, as executors do it, those are the same nodes on the same operands, and computed once.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from asg_autograd.errors import TransformError
from asg_autograd.naming import free_prefixes
from asg_autograd.simplifying_editor import SimplifyingEditor
from asg_schema.composites.control import Call
from asg_schema.dims import symbols_of
from asg_schema.document import Input, Output
from asg_schema.editing import Value
from asg_schema.function import MOST_EXPANDED_NODES, LinkedFunction, symbol_name
from asg_schema.traversal import live_among

__all__ = ["DerivedFunction", "check_size", "derived_function", "derived_name", "derived_seeds", "editor_of"]

_LONGEST_NAME = 255


class DerivedFunction(NamedTuple):
    """A function that was made of another, and how it is called.

    Attributes:
        function: the function; None where all that was asked for is zero.
        taken: which of the values that are at hand it takes: places among the operands and, behind them, the seeds.
        places: of what was asked for, the places of what it answers; the rest is zero.
    """

    function: LinkedFunction | None
    taken: tuple[int, ...] = ()
    places: tuple[int, ...] = ()

    def call(self, at_hand: Sequence[Value], count: int) -> tuple[Value | None, ...]:
        """What was asked for, by a call of the function.

        Args:
            at_hand: the operands, and behind them the seeds.
            count: how many values were asked for.
        """
        found: list[Value | None] = [None] * count
        if self.function is not None:
            operands = [at_hand[place] for place in self.taken]
            results = operands[0].editor.emit(Call, operands, {"function": self.function})
            for place, result in zip(self.places, results, strict=True):
                found[place] = result
        return tuple(found)


def editor_of(function: LinkedFunction) -> SimplifyingEditor:
    """A graph with the inputs and the nodes of a function."""
    editor, types = SimplifyingEditor(), function.types
    for item in function.inputs:
        editor.add_input(item)
    for node in function.nodes:
        editor.keep(node, tuple(types[reference] for reference in node.references()))
    return editor


def derived_seeds(editor: SimplifyingEditor, stem: str, references: Sequence[str]) -> list[Value]:
    """For each of these values one more input of its type, whose id begins with `stem`."""
    seeds: list[Value] = []
    for reference in references:
        type, name = editor.types[reference], reference.replace(":", ".")
        id = f"{free_prefixes(stem, [name], editor.types)[name]}{name}"
        seeds.append(editor.add_input(Input(id=id, dtype=type.dtype, shape=type.shape)))
    return seeds


def derived_function(
    name: str, editor: SimplifyingEditor, results: Sequence[Value | None], names: Iterable[str]
) -> DerivedFunction:
    """A function of what a graph computes.

    It takes those of the graph's inputs that its results need, or whose symbols they need.

    Args:
        name: the name of the function.
        editor: the graph.
        results: what is asked for; None is zero, and is not answered.
        names: for each of these a name.
    """
    found = [(place, name, value) for place, (name, value) in enumerate(zip(names, results, strict=True)) if value]
    if not found:
        return DerivedFunction(None)
    outputs = [Output(name=name, value=value.id) for _, name, value in found]
    nodes = live_among(editor.nodes, [item.value for item in outputs])
    needed = {item.value for item in outputs}.union(*(node.inputs for node in nodes))
    taken = _taken(editor.inputs, needed)
    inputs = [editor.inputs[place] for place in taken]
    function = LinkedFunction(name, inputs, nodes, outputs)
    return DerivedFunction(function, taken, tuple(place for place, _, _ in found))


def _taken(inputs: Sequence[Input], needed: set[str]) -> tuple[int, ...]:
    """The places of the inputs that are needed, and of those that say what a symbol stands for."""
    chosen = {place for place, item in enumerate(inputs) if item.id in needed} or {0}
    known = {name for place in chosen for dim in inputs[place].shape if (name := symbol_name(dim)) is not None}
    every = {name for item in inputs for dim in item.shape for name in symbols_of(dim)}
    for place, item in enumerate(inputs):
        told = {name for dim in item.shape if (name := symbol_name(dim)) is not None}
        if told & (every - known):
            chosen.add(place)
            known |= told
    return tuple(sorted(chosen))


def derived_name(stem: str, by: Iterable[str], of: Iterable[str] | None, function: LinkedFunction) -> str:
    """The name of a function that was made of another, which says by what and, where not of all results, of which."""
    which = "" if of is None else f" of {','.join(of)}"
    name = f"{stem}({','.join(by)}{which}).{function.name}"
    return name if len(name) <= _LONGEST_NAME else f"{stem}.{sha256(name.encode()).hexdigest()}"


def check_size(function: LinkedFunction) -> None:
    """Refuse what nobody could expand.

    Raises:
        TransformError: there are too many nodes.
    """
    if function.expanded_nodes > MOST_EXPANDED_NODES:
        raise TransformError(
            f'the function "{function.name}" has {function.expanded_nodes:,} nodes with its calls expanded; at most '
            f"{MOST_EXPANDED_NODES:,} are differentiated"
        )
