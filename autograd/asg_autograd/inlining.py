"""A composite's expansion, written into the graph that it belongs to, with its own structure kept beside it."""

from typing import NamedTuple

from asg_autograd.errors import TransformError
from asg_schema.composite import Composite
from asg_schema.document import Input
from asg_schema.editing import Editor, Value
from asg_schema.errors import ExpansionError
from asg_schema.op import Op

__all__ = ["Inlined", "inline"]


class Inlined(NamedTuple):
    """An expansion as a graph of its own, and what stands for its values in another graph.

    Attributes:
        nodes: the expansion's nodes, in topological order.
        operands: the names of the composite's operands in them.
        results: the references of the composite's results in them.
        values: for each reference in them its value in the other graph.
    """

    nodes: list[Op]
    operands: list[str]
    results: list[str]
    values: dict[str, Value]


def inline(node: Composite, operands: tuple[Value, ...]) -> Inlined:
    """Append a composite's expansion to the graph of its operands.

    The expansion is written into a graph of its own first, whose structure a transform then follows: in the other
    graph a node of it may turn out to be one that stands before the composite's operands.

    Raises:
        TransformError: the expansion of a call is too large.
    """
    editor, inner = operands[0].editor, Editor()
    names = [f"operand{index}" for index in range(len(operands))]
    inputs = [
        inner.add_input(Input(id=name, dtype=operand.dtype, shape=operand.shape))
        for name, operand in zip(names, operands, strict=True)
    ]
    try:
        results = node.expand(inputs)
    except ExpansionError as error:
        raise TransformError(f'node "{node.id}" ({node.name}) cannot be expanded: {error}') from None
    values = dict(zip(names, operands, strict=True))
    for step in inner.nodes:
        attributes = {name: getattr(step, name) for name in step.attributes}
        emitted = editor.emit(type(step), [values[reference] for reference in step.inputs], attributes)
        values.update(zip(step.references(), emitted, strict=True))
    return Inlined(inner.nodes, names, [result.id for result in results], values)
