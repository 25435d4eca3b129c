"""`simplify`: the same program in fewer nodes.

A pass goes over the nodes once, from the first to the last, and appends each to a graph that knows what it has already
and applies the rules of `asg_autograd.rewrites`. What a rule removes may make another rule applicable to a node that
was passed before; so passes are repeated until one applies nothing, and at most eight times: the time is linear in the
number of nodes whatever the document is.
"""

import operator
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from asg_autograd.canonical_order import canonical_order
from asg_autograd.naming import free_scope, scopes_of_nodes
from asg_autograd.simplifying_editor import SimplifyingEditor
from asg_schema.document import Document, Output
from asg_schema.editing import Value
from asg_schema.function import LinkedFunction, reachable_functions
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.linking import linked_nodes
from asg_schema.op import Op

__all__ = ["Simplification", "simplification", "simplify"]

_MOST_PASSES = 8
_DEAD, _DUPLICATE = "dead", "duplicate"


@dataclass(frozen=True)
class Simplification:
    """What `simplification` made of a document, and how.

    Attributes:
        document: the simplified document.
        nodes_before: how many nodes the document had, those of its functions left out.
        applied: how often each rewrite was applied, in functions too, by its name; "duplicate" counts nodes that were
            there already, and "dead" those that no output needed.
    """

    document: Document
    nodes_before: int
    applied: Mapping[str, int]

    def __str__(self) -> str:
        before, after = (f"{count:,} node{'' if count == 1 else 's'}" for count in (self.nodes_before, self._nodes))
        lines = [f"{before} before, {after} after"]
        width = max(map(len, self.applied), default=0)
        lines += [f"  {name:{width}}  {count:,}" for name, count in sorted(self.applied.items())]
        return "\n".join(lines)

    @property
    def _nodes(self) -> int:
        return len(self.document.nodes)


def simplify(document: Document) -> Document:
    """The document without what is dead, duplicate, known beforehand, or without effect.

    Inputs, parameters and outputs stay what they are, with their roles and types, also where nothing needs them. A node
    that stays keeps its id, and a node that replaces one takes that one's id. The nodes stand in an order that follows
    from the graph alone (see `canonical_order`). `barrier` and `stop_gradient` stay.

    The functions that it calls are simplified, too, each by itself, and keep their names, inputs and outputs.

    All values stay the same, bit by bit, but for the sign of a zero (x + 0 is rewritten as x, which turns -0 + 0 into
    -0) and what follows from it, where a sum of equal numbers becomes a product, which is rounded once, and where a
    library multiplies matrices in another order. NaN and infinities stay. An error that the computation of a dead value
    would raise, such as by an index beyond the end, goes with it.

    Args:
        document: a valid document.
    """
    return simplification(document).document


@garbage_collection_paused()
def simplification(document: Document) -> Simplification:
    """What `simplify` makes of a document, and which rewrites it applied how often.

    Args:
        document: a valid document.
    """
    functions, of_functions = _simplified_functions(document)
    result, applied = _passes(_with_functions(document, functions) if functions else document)
    return Simplification(result, len(document.nodes), dict(+(applied + of_functions)))


def _with_functions(document: Document, functions: Mapping[str, LinkedFunction]) -> Document:
    """A document whose calls are of other functions of the same names."""
    changed = Document.model_construct(
        name=document.name,
        inputs=document.inputs,
        parameters=document.parameters,
        nodes=linked_nodes(document.nodes, functions),
        outputs=document.outputs,
        metadata=document.metadata,
    )
    object.__setattr__(changed, "types", document.types)
    return changed


def _passes(document: Document) -> tuple[Document, Counter[str]]:
    """A document simplified but for the functions that it calls, and how often each rewrite was applied."""
    nodes = canonical_order(document.nodes, document.outputs)
    applied = Counter({_DEAD: len(document.nodes) - len(nodes)})
    result = document
    for _ in range(_MOST_PASSES):
        rebuilding = _Rebuilding(result, nodes)
        result = rebuilding.document()
        applied += rebuilding.applied
        before, nodes = nodes, list(result.nodes)
        if _are_same(nodes, before):
            break
    return result, applied


def _simplified_functions(document: Document) -> tuple[dict[str, LinkedFunction], Counter[str]]:
    """The functions of a document that can be simplified, by name, and how often each rewrite was applied in them."""
    changed: dict[str, LinkedFunction] = {}
    applied: Counter[str] = Counter()
    for function in reachable_functions(document.nodes):  # those that are called before those that call them
        nodes = linked_nodes(function.nodes, changed)
        body = Document.model_construct(inputs=function.inputs, nodes=nodes, outputs=function.outputs)
        object.__setattr__(body, "types", function.types)
        result, counted = _passes(body)
        vjp = None if function.vjp is None else changed.get(function.vjp.name, function.vjp)
        if result.nodes == function.nodes and vjp is function.vjp:
            continue
        applied += counted
        changed[function.name] = LinkedFunction(function.name, function.inputs, result.nodes, result.outputs, vjp)
    return changed, applied


class _Rebuilding:
    """A document while its nodes are appended to another graph.

    Attributes:
        editor: the other graph.
        replaced: for references of the document for which another value stands there, that value.
        names: for each node of the other graph that replaces one of the document, the id of that node.
    """

    def __init__(self, document: Document, nodes: list[Op]) -> None:
        self.source = document
        self.editor = SimplifyingEditor()
        self.editor.scope = self.editor.constant_scope = free_scope("simplified", document.types)
        self._set_scope = scopes_of_nodes(self.editor, "simplified")
        for item in document.inputs:
            self.editor.add_input(item)
        for item in document.parameters:
            self.editor.add_parameter(item)
        self.replaced: dict[str, Value] = {}
        self.names: dict[str, Op] = {}
        self._duplicates = 0
        self._nodes = nodes
        self._shared = _shared(nodes, document.outputs)
        for node in nodes:
            self._append(node)

    @property
    def applied(self) -> Counter[str]:
        """How often each rewrite was applied, by its name."""
        return self.editor.applied + Counter({_DUPLICATE: self._duplicates})

    def _append(self, node: Op) -> None:
        """Append a node of the document, its operands replaced by what stands for them."""
        references = tuple([self._reference(reference) for reference in node.inputs])
        self._set_scope(node)
        made, applied = len(self.editor.nodes), self.editor.applied.total()
        results = self.editor.append(_copy(node, inputs=references) if references != node.inputs else node)
        if results[0].id != node.id:
            self._duplicates += self.editor.applied.total() == applied
            if results[0].id in {appended.id for appended in self.editor.nodes[made:]}:
                self.names[results[0].id] = node
            else:  # one value stands for several now
                self.editor.mark_used(results[0])
        for reference, value in zip(node.references(), results, strict=True):
            if value.id != reference:
                self.replaced[reference] = value
            if reference in self._shared:
                self.editor.mark_used(value)

    def _reference(self, reference: str) -> str:
        """What the value that stands for one of the document is called in the other graph."""
        value = self.replaced.get(reference)
        return reference if value is None else value.id

    def document(self) -> Document:
        """The simplified document."""
        editor, source = self.editor, self.source
        for output in source.outputs:
            value = self._named(self._reference(output.value))
            editor.outputs.append(Output(name=output.name, value=value, role=output.role))
        if not _are_same(editor.nodes, self._nodes):  # else they stand in order, and all are needed
            self._put_in_order()
        return editor.document(source.name, dict(source.metadata))

    def _put_in_order(self) -> None:
        """Give nodes that replace others the ids of those, and leave out what no output needs."""
        editor = self.editor
        editor.nodes = list(map(self._renamed, editor.nodes))
        editor.types = {self._named(reference): type for reference, type in editor.types.items()}
        editor.nodes = canonical_order(editor.nodes, editor.outputs)
        kept = {*(item.id for item in (*editor.inputs, *editor.parameters))}
        kept.update(reference for node in editor.nodes for reference in node.references())
        editor.types = {reference: type for reference, type in editor.types.items() if reference in kept}

    def _named(self, reference: str) -> str:
        replaced = self.names.get(reference)
        return reference if replaced is None else replaced.id

    def _renamed(self, node: Op) -> Op:
        replaced = self.names.get(node.id)
        inputs = tuple(map(self._named, node.inputs))
        if replaced is not None:
            return _copy(node, id=replaced.id, inputs=inputs, metadata=node.metadata or replaced.metadata)
        return _copy(node, inputs=inputs) if inputs != node.inputs else node


def _shared(nodes: Sequence[Op], outputs: Iterable[Output]) -> set[str]:
    """The references that stay needed if one node does without them: of outputs, and of what several nodes take."""
    shared = {output.value for output in outputs}
    used: set[str] = set()
    for node in reversed(nodes):
        used.difference_update(node.references())  # no node before it takes them: the set stays small, and quick
        for reference in set(node.inputs):
            (shared if reference in used else used).add(reference)
    return shared


def _are_same(nodes: Sequence[Op], others: Sequence[Op]) -> bool:
    """Whether they are the same objects in the same order."""
    return len(nodes) == len(others) and all(map(operator.is_, nodes, others))


def _copy(node: Op, **fields: object) -> Op:
    return node.model_copy(update=fields)
