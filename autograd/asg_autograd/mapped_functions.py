"""Calls of functions that have a `vjp`, mapped: the function is mapped as it is, and so is its `vjp`.

Written out for all examples its nodes would be differentiated by their own rules, and not as the function says.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import TypeAlias

from asg_autograd.batching_rules.table import Results
from asg_autograd.errors import TransformError
from asg_autograd.mapped_values import MappedValues
from asg_autograd.naming import free_scope, scopes_of_nodes
from asg_autograd.simplifying_editor import SimplifyingEditor
from asg_schema.composites.control import Call
from asg_schema.dims import symbol, symbols_of
from asg_schema.document import Input, Output
from asg_schema.free_name import free_name
from asg_schema.function import MOST_EXPANDED_NODES, LinkedFunction
from asg_schema.op import Op
from asg_schema.ops.layout import BroadcastTo
from asg_schema.ops.reduction import Sum
from asg_schema.tensor_type import TensorType

__all__ = ["MapNodes", "mapped_call"]

MapNodes: TypeAlias = Callable[
    [Sequence[Op], Mapping[str, TensorType], MappedValues, SimplifyingEditor, Callable[[Op], None]], None
]
"""`map_nodes`, which needs this module."""

_LONGEST_NAME = 255


def mapped_call(
    function: LinkedFunction, operands: Results, mapped: tuple[bool, ...], map_nodes: MapNodes, id: str | None
) -> Results:
    """The results of a function for all examples: a call of the function that computes them all.

    Args:
        function: the function for one example; it has a `vjp`.
        operands: what it is applied to, the mapped ones with the mapped axis first.
        mapped: for each operand whether it has that axis.
        map_nodes: what maps nodes.
        id: the id of the call; absent: one made from the op's name.

    Raises:
        TransformError: a node of the function, or of its `vjp`, cannot be mapped, or there are too many.
    """
    if function.expanded_nodes > MOST_EXPANDED_NODES:
        raise TransformError(
            f'the function "{function.name}" has more than {MOST_EXPANDED_NODES:,} nodes with its calls expanded'
        )
    editor = operands[0].editor
    id = None if id in editor.types else id
    return tuple(editor.emit(Call, operands, {"function": _mapped_function(function, mapped, map_nodes)}, id))


@lru_cache(maxsize=256)
def _mapped_function(function: LinkedFunction, mapped: tuple[bool, ...], map_nodes: MapNodes) -> LinkedFunction:
    """A function for all examples, whose every result has the mapped axis, and so has its `vjp`."""
    vjp = function.vjp
    if vjp is not None:
        own = [place for place, item in zip(mapped, function.inputs, strict=True) if item.dtype.is_floating]
        # Operands that all examples share have the sum of the examples' cotangents.
        vjp = _mapped_graph(vjp, (*mapped, *(True,) * (len(vjp.inputs) - len(mapped))), own, None, map_nodes)
    return _mapped_graph(function, mapped, [True] * len(function.outputs), vjp, map_nodes)


def _mapped_graph(
    function: LinkedFunction,
    mapped: tuple[bool, ...],
    kept: Sequence[bool],
    vjp: LinkedFunction | None,
    map_nodes: MapNodes,
) -> LinkedFunction:
    """A function for all examples.

    Args:
        function: the function for one.
        mapped: for each input whether it has the mapped axis.
        kept: for each output whether it has it; if not, it is the sum over the examples.
        vjp: the `vjp` of the result.
        map_nodes: what maps nodes.
    """
    editor, types = SimplifyingEditor(), function.types
    editor.scope = editor.constant_scope = free_scope("vmap", types)
    size = symbol(_free_symbol(function))
    graph = MappedValues({}, set(), size)
    for item, is_mapped in zip(function.inputs, mapped, strict=True):
        shape = (size, *item.shape) if is_mapped else item.shape
        graph.add(item.id, editor.add_input(Input(id=item.id, dtype=item.dtype, shape=shape)), item.type)
    visit = scopes_of_nodes(editor, "vmap")
    map_nodes(function.nodes, types, graph, editor, visit)
    outputs: list[Output] = []
    for output, is_kept in zip(function.outputs, kept, strict=True):
        value = graph.values[output.value]
        if output.value not in graph.mapped:
            value = BroadcastTo.of(value, shape=(size, *value.shape))
        if not is_kept:
            value = Sum.of(value, axis=(0,))
        outputs.append(Output(name=output.name, value=value.id))
    return LinkedFunction(_name(function, mapped, kept), editor.inputs, editor.nodes, outputs, vjp)


def _free_symbol(function: LinkedFunction) -> str:
    taken = {name for item in function.inputs for dim in item.shape for name in symbols_of(dim)}
    return free_name("examples", taken)


def _name(function: LinkedFunction, mapped: Sequence[bool], kept: Sequence[bool]) -> str:
    """The name of a mapped function, which says what it is mapped over, so that another one has another name."""
    inputs = ",".join(item.id for item, is_mapped in zip(function.inputs, mapped, strict=True) if is_mapped)
    summed = ",".join(item.name for item, is_kept in zip(function.outputs, kept, strict=True) if not is_kept)
    name = f"vmap({inputs}{f' sum {summed}' if summed else ''}).{function.name}"
    return name if len(name) <= _LONGEST_NAME else f"vmap.{sha256(name.encode()).hexdigest()}"
