"""One order of a document's nodes, whatever order they stand in."""

from collections.abc import Iterable, Iterator, Sequence

from asg_schema.document import Output
from asg_schema.op import Op

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
    # Nodes are told by their places: of a long document, lists of numbers are quicker than tables of names. Names are
    # looked up while those that were entered last, which most nodes take, are still in the processor's caches.
    places: dict[str, int] = {}
    operands: list[list[int]] = []
    for place, node in enumerate(nodes):
        operands.append([places[reference] for reference in node.inputs if reference in places])
        places.update(dict.fromkeys(node.references(), place))
    heights: list[int] = []
    for below in operands:
        heights.append(1 + max([heights[place] for place in below], default=0))
    wanted = [places[output.value] for output in outputs if output.value in places]
    order: list[int] = []
    is_ordered = [False] * len(nodes)
    for place in sorted(wanted, key=heights.__getitem__):
        if not is_ordered[place]:
            _append_with_operands(place, operands, order, is_ordered)
    return [nodes[place] for place in order]


def _append_with_operands(
    place: int, operands: Sequence[Sequence[int]], order: list[int], is_ordered: list[bool]
) -> None:
    """Append a node behind those that it needs and that do not stand in `order` yet."""
    waiting: list[tuple[int, Iterator[int]]] = [(place, iter(operands[place]))]
    while waiting:
        current, below = waiting[-1]
        for operand in below:
            if not is_ordered[operand]:
                waiting.append((operand, iter(operands[operand])))
                break
        else:
            waiting.pop()
            is_ordered[current] = True
            order.append(current)
