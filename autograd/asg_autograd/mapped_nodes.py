"""The pass that maps nodes: from a graph for one example to the graph for all of them.

One pass from the first node to the last, without recursion over the graph. A node on which no example depends stays as
it is; every other one becomes what the batching rule of its op makes of it.
"""

from collections.abc import Callable, Mapping, Sequence

from asg_autograd.batching_rules import Batched, batching
from asg_autograd.batching_rules.table import Results
from asg_autograd.custom_gradient import custom_vjp
from asg_autograd.errors import TransformError
from asg_autograd.mapped_functions import mapped_call
from asg_autograd.mapped_values import MappedValues
from asg_autograd.simplifying_editor import SimplifyingEditor
from asg_schema.composite import Composite
from asg_schema.composites.control import Call
from asg_schema.dims import Dim
from asg_schema.document import Input
from asg_schema.editing import Editor, Value
from asg_schema.errors import DimError, DocumentError, ExpansionError
from asg_schema.op import Op
from asg_schema.tensor_type import TensorType

__all__ = ["map_nodes"]


def map_nodes(
    nodes: Sequence[Op],
    types: Mapping[str, TensorType],
    graph: MappedValues,
    editor: SimplifyingEditor,
    visit: Callable[[Op], None],
) -> None:
    """Append what nodes compute for all examples, and enter it into `graph`.

    Args:
        nodes: the graph for one example, in topological order.
        types: the types of its values.
        graph: its inputs and parameters, to which the results of all nodes are added.
        editor: the graph for all examples.
        visit: called with each node before anything is appended that is not the node itself.

    Raises:
        TransformError: a value would have too many axes or too large a dim.
    """
    for node in nodes:
        if graph.mapped.isdisjoint(node.inputs):
            results = _kept(node, types, graph, editor)
        else:
            visit(node)
            try:
                results = _mapped(node, graph, editor, node.id)
            except (DocumentError, DimError, ExpansionError, TransformError) as error:
                raise TransformError(f'node "{node.id}" ({node.name}) cannot be mapped: {error}') from None
        _enter(node, results, types, graph)


def _enter(node: Op, results: Results, types: Mapping[str, TensorType], graph: MappedValues) -> None:
    for reference, result in zip(node.references(), results, strict=True):
        graph.add(reference, result, types[reference])


def _kept(node: Op, types: Mapping[str, TensorType], graph: MappedValues, editor: SimplifyingEditor) -> Results:
    """A node that is the same for all examples; its operands may have other names where they were simplified."""
    inputs = tuple(graph.values[reference].id for reference in node.inputs)
    same = node if inputs == node.inputs else node.model_copy(update={"inputs": inputs})
    references = node.references()
    editor.keep(same, tuple(types[reference] for reference in references))
    return tuple(map(editor.value, references))


def _mapped(node: Op, graph: MappedValues, editor: SimplifyingEditor, id: str | None) -> Results:
    operands = tuple(graph.values[reference] for reference in node.inputs)
    mapped = tuple(reference in graph.mapped for reference in node.inputs)
    rule = batching.get(type(node))
    results = None if rule is None else rule(node, Batched(node, operands, mapped, graph.size, id))
    if results is not None:
        return results
    if isinstance(node, Call) and custom_vjp(node) is not None:
        return mapped_call(node.linked, operands, mapped, map_nodes, id)
    if not isinstance(node, Composite):
        raise TypeError(f"{node.name} has no batching rule and no expansion")
    return _mapped_expansion(node, operands, mapped, graph.size, editor)


def _mapped_expansion(
    node: Composite, operands: Results, mapped: tuple[bool, ...], size: Dim, editor: SimplifyingEditor
) -> Results:
    """What a composite's expansion computes for all examples. It is written for one into a graph of its own first."""
    inner = Editor()
    inputs: list[Value] = []
    for index, (operand, is_mapped) in enumerate(zip(operands, mapped, strict=True)):
        shape = operand.shape[1:] if is_mapped else operand.shape
        inputs.append(inner.add_input(Input(id=f"operand{index}", dtype=operand.dtype, shape=shape)))
    results = node.expand(inputs)
    graph = MappedValues({}, set(), size)
    for item, operand in zip(inputs, operands, strict=True):
        graph.add(item.id, operand, item.type)
    for step in inner.nodes:
        if graph.mapped.isdisjoint(step.inputs):
            attributes = {name: getattr(step, name) for name in step.attributes}
            found = editor.emit(type(step), [graph.values[reference] for reference in step.inputs], attributes)
        else:
            found = _mapped(step, graph, editor, None)
        _enter(step, found, inner.types, graph)
    return tuple(graph.values[result.id] for result in results)
