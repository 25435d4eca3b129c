"""What a document with derivatives takes, by its types: bytes kept for the backward part, the peak, and operations.

It is counted on what an executor runs: with composites expanded and nothing computed twice. There a backward part
shares with the forward part what both compute, and so keeps more than the document shows.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from asg_autograd.derivative_parts import derivative_parts
from asg_autograd.simplifying_editor import SimplifyingEditor
from asg_autograd.static_cost import StaticCost
from asg_schema.composite import Composite
from asg_schema.cost import VIEWS, operations, size_in_bytes
from asg_schema.document import Document, Input
from asg_schema.editing import Editor, Value
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.op import Op
from asg_schema.ops.creation import DimSize
from asg_schema.traversal import node_of

__all__ = ["Footprint", "footprint"]


class Footprint(NamedTuple):
    """What one run of a document takes, by its types.

    Attributes:
        kept_bytes: the forward values that the backward part uses. Inputs and parameters are there anyway.
        peak_bytes: the most bytes of computed values at one time, in the order of the document, outputs included.
        operations: on one element: additions, multiplications and others (`asg_schema.cost`).
    """

    kept_bytes: int
    peak_bytes: int
    operations: int


@garbage_collection_paused()
def footprint(document: Document, symbols: Mapping[str, int] | None = None) -> Footprint:
    """What one run of a document with derivatives takes.

    Args:
        document: a document that `grad`, `vjp` or another transform gave derivatives.
        symbols: a size for each symbol of the document.

    Raises:
        TransformError: the document has no derivatives, or a symbol has no size.
    """
    parts = derivative_parts(document)
    lowering = _Lowering(document, StaticCost(document, symbols))
    lowering.add(parts.forward)
    begin = len(lowering.editor.nodes)
    lowering.add(parts.backward)
    return _counted(lowering.editor, begin, {lowering.values[output.value].id for output in document.outputs})


class _Lowering:
    """A document with its symbols bound, its composites expanded, and no node twice."""

    def __init__(self, document: Document, cost: StaticCost) -> None:
        self.editor = SimplifyingEditor()
        self.symbols = cost.symbols
        self.values: dict[str, Value] = {}
        for item in document.inputs:
            bound = Input(id=item.id, dtype=item.dtype, shape=cost.type(item.id).shape)
            self.values[item.id] = self.editor.add_input(bound)
        for item in document.parameters:
            self.values[item.id] = self.editor.add_parameter(item)

    def add(self, nodes: Iterable[Op]) -> None:
        """Append nodes of the document."""
        for node in nodes:
            bound = node.bind(self.symbols) if self.symbols else node
            results = self._emit(bound, [self.values[reference] for reference in node.inputs])
            self.values.update(zip(node.references(), results, strict=True))

    def _emit(self, node: Op, operands: Sequence[Value]) -> tuple[Value, ...]:
        """Append a node, or what it expands to, as deep as composites are made of composites."""
        if not isinstance(node, Composite):
            return self.editor.emit(type(node), operands, {name: getattr(node, name) for name in node.attributes})
        inner = Editor()
        inputs = [
            inner.add_input(Input(id=f"operand{index}", dtype=operand.dtype, shape=operand.shape))
            for index, operand in enumerate(operands)
        ]
        results = node.expand(inputs)
        values = {item.id: operand for item, operand in zip(inputs, operands, strict=True)}
        for part in inner.nodes:
            emitted = self._emit(part, [values[reference] for reference in part.inputs])
            values.update(zip(part.references(), emitted, strict=True))
        return tuple(values[result.id] for result in results)


def _counted(editor: Editor, begin: int, outputs: set[str]) -> Footprint:
    """The footprint of a graph of primitives whose backward part begins at a place."""
    owners = _owners(editor)
    last = {owners[output]: len(editor.nodes) for output in outputs if output in owners}
    live: list[tuple[int, Op]] = []
    kept: set[str] = set()
    needed = set(map(node_of, outputs))
    for place in range(len(editor.nodes) - 1, -1, -1):
        node = editor.nodes[place]
        if node.id not in needed:
            continue
        live.append((place, node))
        needed.update(map(node_of, node.inputs))
        if isinstance(node, DimSize):
            continue  # it needs a shape alone, which is known beforehand
        for owner in {owners[reference] for reference in node.inputs if reference in owners}:
            last.setdefault(owner, place)
            if place >= begin:
                kept.add(owner)
    live.reverse()
    made = {reference for place, node in live if place < begin for reference in node.references()}
    kept_bytes = sum(size_in_bytes(editor.types[reference]) for reference in kept & made)
    total = sum(_operations(node, editor) for _, node in live)
    return Footprint(kept_bytes, _peak(live, last, editor), total)


def _owners(editor: Editor) -> dict[str, str]:
    """For each value the value whose memory it is, or shows. What is in the document itself takes none."""
    owners: dict[str, str] = {}
    for node in editor.nodes:
        if type(node) in VIEWS:
            if (owner := owners.get(node.inputs[0])) is not None:
                owners[node.id] = owner
        elif node.family() != "creation":
            owners.update((reference, reference) for reference in node.references())
    return owners


def _operations(node: Op, editor: Editor) -> int:
    if type(node) in VIEWS or node.family() == "creation":
        return 0
    types = editor.types
    return operations(
        node, [types[reference] for reference in node.inputs], [types[reference] for reference in node.references()]
    )


def _peak(live: Iterable[tuple[int, Op]], last: Mapping[str, int], editor: Editor) -> int:
    """The most bytes at one time. A value lives from its node to the last node that reads it or a view of it."""
    dying: defaultdict[int, int] = defaultdict(int)
    now = most = 0
    for place, node in live:
        for reference in node.references():
            if reference in last:
                size = size_in_bytes(editor.types[reference])
                now += size
                dying[last[reference]] += size
        most = max(most, now)
        now -= dying.pop(place, 0)
    return most
