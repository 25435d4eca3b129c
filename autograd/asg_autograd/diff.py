"""`diff`: what two documents compute differently, whatever their nodes are called and in what order they stand."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from asg_schema.composites.control import Call
from asg_schema.digest import value_digests
from asg_schema.document import Document, Output
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.listing import format_call, format_output, format_part
from asg_schema.op import Op
from asg_schema.tensor_type import TensorType
from asg_schema.traversal import live_nodes, node_of

__all__ = ["Change", "Difference", "diff"]


class Change(NamedTuple):
    """One part of two documents that differs.

    Attributes:
        name: the id of an input, a parameter or a node, or the name of an output.
        before: the part in the first document, as a line to be read; None where only the second has it.
        after: the part in the second; None where only the first has it. An output whose line is the same in both
            computes something else.
    """

    name: str
    before: str | None
    after: str | None


class Difference(NamedTuple):
    """What differs between two documents.

    Attributes:
        digests: the semantic digests of the two.
        inputs, parameters, outputs: what differs of the interface.
        nodes: the nodes that differ by themselves: by op, attributes, or what they are applied to.
        dependents: how many nodes of the second differ only because they depend on what differs.
    """

    digests: tuple[str, str]
    inputs: tuple[Change, ...]
    parameters: tuple[Change, ...]
    nodes: tuple[Change, ...]
    outputs: tuple[Change, ...]
    dependents: int

    @property
    def same(self) -> bool:
        """Whether the documents mean the same."""
        return self.digests[0] == self.digests[1]


@garbage_collection_paused()
def diff(first: Document, second: Document) -> Difference:
    """What two documents compute differently.

    They are compared by what their values mean, as the semantic digest does: ids and order of nodes, nodes that no
    output needs, names of documents and metadata make no difference.

    Args:
        first: a valid document.
        second: a valid document.
    """
    ours, theirs = _Side(first), _Side(second)
    comparison = _Comparison(ours, theirs)
    return Difference(
        digests=(first.digest, second.digest),
        inputs=_changes({item.id: format_part(item) for item in side.inputs} for side in (first, second)),
        parameters=_changes({item.id: format_part(item) for item in side.parameters} for side in (first, second)),
        nodes=comparison.changes(),
        outputs=_output_changes(ours, theirs),
        dependents=comparison.dependents,
    )


class _Side:
    """One of the two documents, with what its values mean."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.digests = value_digests(document)
        self.nodes = {node.id: node for node in live_nodes(document)}
        self.outputs = {item.name: item for item in document.outputs}

    def unmatched(self, other: "_Side") -> dict[str, Op]:
        """The nodes whose value the other document does not have."""
        known = set(other.digests.values())
        return {id: node for id, node in self.nodes.items() if self.digests[id] not in known}

    def type_of(self, output: Output) -> TensorType:
        """The type of an output."""
        return self.document.types[output.value]

    def line(self, node: Op) -> str:
        """A node as it is shown."""
        types = ", ".join(str(self.document.types[reference]) for reference in node.references())
        line = f"{', '.join(node.references())} = {format_call(node)}  : {types}"
        return f"{line}  (a function of digest {node.linked.digest[:12]}…)" if isinstance(node, Call) else line


class _Comparison:
    """Which nodes of two documents belong together although they differ.

    What differs is followed from outputs of the same name to their operands, so that nodes are paired by the place
    that they have in the computation, and not by their ids.
    """

    def __init__(self, ours: _Side, theirs: _Side) -> None:
        self._ours, self._theirs = ours, theirs
        self._before, self._after = ours.unmatched(theirs), theirs.unmatched(ours)
        self._pairs: dict[str, str] = {}
        self._paired: set[str] = set()
        self.dependents = 0
        for name, output in ours.outputs.items():
            if name in theirs.outputs:
                self._follow(output.value, theirs.outputs[name].value)

    def _follow(self, before: str, after: str) -> None:
        pending = [(before, after)]
        while pending:
            before, after = pending.pop()
            ours, theirs = self._before.get(node_of(before)), self._after.get(node_of(after))
            if ours is None or theirs is None:
                continue
            for old, new in self._partners(ours, theirs):
                if old.id not in self._pairs and new.id not in self._paired:
                    self._pairs[old.id] = new.id
                    self._paired.add(new.id)
                    pending.extend(reversed(list(zip(old.inputs, new.inputs, strict=False))))

    def _partners(self, ours: Op, theirs: Op) -> Iterable[tuple[Op, Op]]:
        """The nodes to be paired where two stand in the same place: of different ops, rather those of the same id."""
        if ours.name == theirs.name:
            return [(ours, theirs)]
        after, before = self._after.get(ours.id), self._before.get(theirs.id)
        by_id = [
            *([(ours, after)] if after is not None and after.name == ours.name else []),
            *([(before, theirs)] if before is not None and before.name == theirs.name else []),
        ]
        return by_id or [(ours, theirs)]

    def changes(self) -> tuple[Change, ...]:
        """The nodes that differ by themselves, in the order in which they stand."""
        found: list[tuple[float, Change]] = []
        for position, node in self._positions(self._ours, self._before):
            partner = self._pairs.get(node.id)
            if partner is None:
                found.append((position, Change(node.id, self._ours.line(node), None)))
            elif self._differ(node, other := self._after[partner]):
                found.append((position, Change(other.id, self._ours.line(node), self._theirs.line(other))))
            else:
                self.dependents += 1
        for position, node in self._positions(self._theirs, self._after):
            if node.id not in self._paired:
                found.append((position, Change(node.id, None, self._theirs.line(node))))
        return tuple(change for _, change in sorted(found, key=lambda item: item[0]))

    def _positions(self, side: _Side, unmatched: Mapping[str, Op]) -> Iterable[tuple[float, Op]]:
        """The nodes that the other side does not have, with how far down they stand: 0 to 1."""
        for index, node in enumerate(side.nodes.values()):
            if node.id in unmatched:
                yield index / len(side.nodes), node

    def _differ(self, ours: Op, theirs: Op) -> bool:
        """Whether two paired nodes differ otherwise than by operands that are pairs themselves."""
        if ours.name != theirs.name or len(ours.inputs) != len(theirs.inputs):
            return True
        if ours.meaning() != theirs.meaning():
            return True
        return not all(map(self._correspond, ours.inputs, theirs.inputs))

    def _correspond(self, before: str, after: str) -> bool:
        if self._ours.digests[before] == self._theirs.digests[after]:
            return True
        old, new = node_of(before), node_of(after)
        if old not in self._ours.nodes and new not in self._theirs.nodes:
            return old == new  # an input or a parameter, whose change is told with the interface
        return self._pairs.get(old) == new and before[len(old) :] == after[len(new) :]


def _changes(lines: Iterable[Mapping[str, str]]) -> tuple[Change, ...]:
    before, after = lines
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    )


def _output_changes(ours: _Side, theirs: _Side) -> tuple[Change, ...]:
    found: list[Change] = []
    for name in dict.fromkeys((*ours.outputs, *theirs.outputs)):
        old, new = ours.outputs.get(name), theirs.outputs.get(name)
        before = None if old is None else format_output(old, ours.type_of(old))
        after = None if new is None else format_output(new, theirs.type_of(new))
        if old and new and old.role == new.role and ours.type_of(old) == theirs.type_of(new):
            if ours.digests[old.value] == theirs.digests[new.value]:
                continue
            before = after  # by which node it is yielded is no difference
        found.append(Change(name, before, after))
    return tuple(found)
