"""One order of a document's nodes, whatever order they stand in."""

from collections.abc import Iterable, Sequence

from asg_schema.document import Output
from asg_schema.op import Op
from asg_schema.traversal import node_of

__all__ = ["canonical_order"]


def canonical_order(nodes: Sequence[Op], outputs: Iterable[Output]) -> list[Op]:
    """The nodes that the outputs need, in a topological order that follows from the graph and the outputs alone.

    The outputs are taken one after the other, those with the shortest way from the inputs first, and before each value
    stand those that it needs, in the order in which it names them. So a value is computed shortly before its first use:
    of a gradient document the forward part comes first, and each gradient as soon as its cotangent is there.

    Args:
        nodes: a graph, in any topological order.
        outputs: what is wanted of it.
    """
    definitions = {node.id: node for node in nodes}
    heights: dict[str, int] = {}
    for node in nodes:
        heights[node.id] = 1 + max((heights.get(node_of(reference), 0) for reference in node.inputs), default=0)
    wanted = [node_of(output.value) for output in outputs]
    order: dict[str, Op] = {}
    for id in sorted(wanted, key=lambda id: heights.get(id, 0)):
        if id in definitions:
            _append_with_operands(id, definitions, order)
    return list(order.values())


def _append_with_operands(id: str, definitions: dict[str, Op], order: dict[str, Op]) -> None:
    """Append a node behind those that it needs and that do not stand in `order` yet."""
    waiting: list[tuple[str, Iterable[str]]] = [(id, iter(definitions[id].inputs))]
    while waiting:
        current, operands = waiting[-1]
        for reference in operands:
            operand = node_of(reference)
            if operand in definitions and operand not in order:
                waiting.append((operand, iter(definitions[operand].inputs)))
                break
        else:
            waiting.pop()
            order.setdefault(current, definitions[current])
