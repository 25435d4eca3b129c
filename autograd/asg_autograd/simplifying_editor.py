"""An editor that keeps what it writes small: nothing is computed twice, and what changes nothing is left out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from typing_extensions import override

from asg_autograd.simplify import Candidate, rewrites
from asg_schema.editing import Editor, Value
from asg_schema.inference import infer_or_raise
from asg_schema.op import Op
from asg_schema.ops.control import Barrier

if TYPE_CHECKING:
    from asg_schema.document import Document

__all__ = ["SimplifyingEditor"]

_Key: TypeAlias = tuple[object, ...]


class SimplifyingEditor(Editor[Value]):
    """An `Editor` that answers with a value of the graph where it already has what is to be appended.

    Nodes of a loaded document stay as they are; appended nodes are simplified by the rules of `asg_autograd.simplify`,
    and merged with equal ones, loaded or appended. A `barrier` is never merged.
    """

    def __init__(self) -> None:
        super().__init__(Value)
        self._results: dict[_Key, tuple[Value, ...]] = {}
        self._definitions: dict[str, Op] = {}

    @override
    def load(self, document: "Document") -> None:
        super().load(document)
        for node in document.nodes:
            self._definitions[node.id] = node
            if type(node) is not Barrier:
                self._results.setdefault(_key(node), tuple(map(self.value, node.references())))

    def definition(self, value: Value) -> Op | None:
        """The node whose only result `value` is; None for an input or a parameter."""
        return self._definitions.get(value.id)

    @override
    def emit(
        self, op: type[Op], operands: Sequence[Value | None], attributes: dict[str, Any], id: str | None = None
    ) -> tuple[Value, ...]:
        references = self._references(op, operands)
        if not op.attributes:
            known = self._results.get((op, references))
            if known is not None:
                return known
        return self.append(self._node(op, references, attributes, id))

    @override
    def append(self, node: Op) -> tuple[Value, ...]:
        key = _key(node)
        known = self._results.get(key)
        if known is not None:
            return known
        inferred = infer_or_raise(node, f"/nodes/{len(self.nodes)}", self.types)
        applicable = rewrites.get(type(node))
        if applicable is not None:
            candidate = Candidate(tuple(map(self.value, node.inputs)), inferred[0], self)
            for rewrite in applicable:
                simpler = rewrite(node, candidate)
                if simpler is not None:
                    if simpler.type != inferred[0]:
                        raise TypeError(f"{rewrite.__name__} made {simpler.type} of {node.name} {inferred[0]}")
                    self._results[key] = (simpler,)
                    return (simpler,)
        results = self._record(node, inferred)
        self._definitions[node.id] = node
        if type(node) is not Barrier:
            self._results[key] = results
        return results


def _key(node: Op) -> _Key:
    """What two nodes have in common exactly if one can stand for the other."""
    if not node.attributes:
        return (type(node), node.inputs)
    return (type(node), node.inputs, *(_attribute_key(getattr(node, name)) for name in node.attributes))


def _attribute_key(value: object) -> object:
    """A key that tells 1, 1.0 and True apart, and 0.0 and -0.0; NaN is one value."""
    if isinstance(value, tuple):
        return tuple(map(_attribute_key, cast("tuple[object, ...]", value)))
    if isinstance(value, float | bool):
        return type(value), repr(value)
    return value
