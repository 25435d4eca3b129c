"""`lower`: composites become the primitives that define them."""

from collections.abc import Sequence

from typing_extensions import override

from asg_autograd.custom_gradient import custom_vjp
from asg_autograd.errors import TransformError
from asg_autograd.references import renamed_node, renamed_reference
from asg_autograd.simplifying_editor import SimplifyingEditor
from asg_schema.composite import Composite
from asg_schema.composites.control import Call
from asg_schema.document import Document
from asg_schema.editing import Value
from asg_schema.errors import DimError, ExpansionError
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.op import Op
from asg_schema.op_table import OPS
from asg_schema.traversal import node_of
from asg_schema.wire import nearest

__all__ = ["lower"]

_LONGEST_SCOPE = 160  # of at most 255 characters of an id


@garbage_collection_paused()
def lower(document: Document, *, ops: str | Sequence[str] | None = None) -> Document:
    """The document with composites replaced by the primitives that define them.

    What is no composite, or is not named, stays as it is. An expansion stands where its composite stood. The node that
    yields a composite's one result has the composite's id and metadata, and the others begin with that id and a dot,
    so that inputs, parameters, outputs and most references read as before. Within expansions nothing is computed twice.

    A call of a function that has a `vjp` stays, because that says how to differentiate it, which its nodes do not;
    name `call` to replace it all the same. Functions themselves stay as they are.

    Args:
        document: a valid document.
        ops: names of the composites to replace; absent: all of them, but for such calls. An expansion may hold other
            composites, which stay unless they are named too.

    Raises:
        TransformError: there is no such op, or it is a primitive, or an expansion is too large.
    """
    chosen = _chosen(ops)
    lowering = _Lowering(document, _ExpandingEditor(chosen, with_vjp=ops is not None and Call in chosen))
    for node in document.nodes:
        lowering.add(node)
    return lowering.finished()


def _chosen(ops: str | Sequence[str] | None) -> frozenset[type[Op]]:
    composites = {name: op for name, op in OPS.items() if issubclass(op, Composite)}
    if ops is None:
        return frozenset(composites.values())
    names = [ops] if isinstance(ops, str) else list(ops)
    if not names:
        raise TransformError("ops is empty; name at least one composite, or leave it out for all of them")
    for name in names:
        if name not in OPS:
            raise TransformError(f'ops: there is no op "{name}"{nearest(name, composites)}')
        if name not in composites:
            raise TransformError(f'ops: "{name}" is a primitive; only a composite has an expansion')
    return frozenset(composites[name] for name in names)


class _ExpandingEditor(SimplifyingEditor):
    """An editor that writes the expansion of a composite where the composite is to be appended."""

    def __init__(self, lowered: frozenset[type[Op]], with_vjp: bool) -> None:
        super().__init__()
        self._lowered = lowered
        self._with_vjp = with_vjp

    def lowers(self, node: Op) -> bool:
        """Whether a node is to be expanded."""
        return type(node) in self._lowered and (self._with_vjp or custom_vjp(node) is None)

    @override
    def _simplified(self, node: Op, key: tuple[object, ...], operands: Sequence[Value | None]) -> tuple[Value, ...]:
        if isinstance(node, Composite) and self.lowers(node):
            return self.expansion(node, [operand for operand in operands if operand is not None])
        return super()._simplified(node, key, operands)

    def expansion(self, node: Composite, operands: Sequence[Value]) -> tuple[Value, ...]:
        """The results of a composite, whose expansion is appended in a scope of its own."""
        scope, self.scope = self.scope, f"{node.id[:_LONGEST_SCOPE]}."
        results = node.expand(operands)
        self.scope = scope
        return results


class _Lowering:
    """One pass over a document."""

    def __init__(self, document: Document, editor: _ExpandingEditor) -> None:
        self.document = document
        self.editor = editor
        self.editor.inputs.extend(document.inputs)
        self.editor.parameters.extend(document.parameters)
        # The ids of later nodes are taken: what an expansion adds must not bear one of them.
        self.editor.types.update(document.types)
        self._replaced: dict[str, str] = {}  # references of composites' results, by what yields them now
        self._ids: dict[str, str] = {}  # new ids of nodes that yield a composite's one result
        self._metadata: dict[str, dict[str, str] | None] = {}
        self._kept: set[str] = set()

    def add(self, node: Op) -> None:
        """Append a node of the document, or its expansion."""
        if any(reference in self._replaced for reference in node.inputs):
            inputs = tuple(self._replaced.get(reference, reference) for reference in node.inputs)
            node = node.model_copy(update={"inputs": inputs})
        if isinstance(node, Composite) and self.editor.lowers(node):
            self._expand(node)
            return
        self.editor.keep(node, tuple(self.document.types[reference] for reference in node.references()))
        self._kept.add(node.id)

    def _expand(self, node: Composite) -> None:
        before = len(self.editor.nodes)
        try:
            results = self.editor.expansion(node, [self.editor.value(reference) for reference in node.inputs])
        except (DimError, ExpansionError) as error:
            raise TransformError(f'node "{node.id}" ({node.name}) cannot be expanded: {error}') from None
        for reference, result in zip(node.references(), results, strict=True):
            self._replaced[reference] = result.id
            del self.editor.types[reference]
        if len(results) == 1:
            self._take_over(node, self.editor.definition(results[0]), self.editor.nodes[before:])

    def _take_over(self, node: Composite, last: Op | None, added: Sequence[Op]) -> None:
        """Let the node that yields the result of `node` have its id, if it was added for it and yields nothing else."""
        if last is not None and len(last.references()) == 1 and any(last is step for step in added):
            self._ids[last.id] = node.id
            self._metadata[last.id] = node.metadata

    def finished(self) -> Document:
        """The document, without what expansions hold and nothing needs."""
        editor, document = self.editor, self.document
        outputs = [
            item.model_copy(update={"value": self._replaced.get(item.value, item.value)}) for item in document.outputs
        ]
        needed = {node_of(item.value) for item in outputs}
        nodes: list[Op] = []
        for node in reversed(editor.nodes):
            if node.id in self._kept or node.id in needed:
                nodes.append(self._renamed(node))
                needed.update(map(node_of, node.inputs))
            else:
                for reference in node.references():
                    del editor.types[reference]
        editor.nodes = nodes[::-1]
        for old, new in self._ids.items():
            if old in editor.types:
                editor.types[new] = editor.types.pop(old)
        for item in outputs:
            editor.add_output(item.model_copy(update={"value": renamed_reference(item.value, self._ids)}))
        return editor.document(document.name, dict(document.metadata))

    def _renamed(self, node: Op) -> Op:
        metadata = self._metadata.get(node.id)
        renamed = renamed_node(node, self._ids)
        return renamed if metadata is None else renamed.model_copy(update={"metadata": metadata})
