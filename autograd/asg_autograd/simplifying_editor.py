"""An editor that keeps what it writes small: nothing is computed twice, and what changes nothing is left out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from typing_extensions import override

from asg_autograd.rewrites import Candidate, Rewrite, rewrites
from asg_schema.composites.control import Call
from asg_schema.dims import Dim
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.op import Op
from asg_schema.ops.comparison import Equal, LogicalAnd, LogicalOr, LogicalXor, NotEqual
from asg_schema.ops.control import Barrier
from asg_schema.ops.creation import Full
from asg_schema.ops.elementwise import Add, Multiply
from asg_schema.tensor_type import TensorType

if TYPE_CHECKING:
    from asg_schema.document import Document

__all__ = ["SimplifyingEditor"]

_Key: TypeAlias = tuple[object, ...]
_NO_RULES: list[Rewrite] = []
_FRESH = 8  # nodes, as one rule appends
_COMMUTATIVE: frozenset[type[Op]] = frozenset(
    {Add, Multiply, Equal, NotEqual, LogicalAnd, LogicalOr, LogicalXor}  # not the larger of two: of 0 and -0 it is one
)


class SimplifyingEditor(Editor[Value]):
    """An `Editor` that answers with a value of the graph where it already has what is to be appended.

    Nodes of a loaded document stay as they are; appended nodes are simplified by the rules of `asg_autograd.rewrites`,
    and merged with equal ones, loaded or appended; a + b is the same as b + a. A `barrier` is never merged.

    Attributes:
        applied: how often each rule was applied, by its name.
        constant_scope: put before the ids of constants instead of `scope`, because they are shared.
        before_broadcast: for values that are broadcasts, what was broadcast, as far as a rewrite found it out.
    """

    def __init__(self) -> None:
        super().__init__(Value)
        self.applied: Counter[str] = Counter()
        self.constant_scope = ""
        self.before_broadcast: dict[str, str] = {}
        self._definitions: dict[str, Op] = {}
        self._constants: dict[_Key, Value] = {}
        self._loaded: list[Mapping[str, TensorType]] = []
        self._kept: set[str] = set()
        self._used: set[str] = set()
        self._asked = 0  # the number of nodes whose operands are in `_used`
        self._known: defaultdict[type[Op], dict[_Key, str]] = defaultdict(dict)

    @override
    def load(self, document: "Document") -> None:
        super().load(document)
        self._loaded.append(document.types)
        for node in document.nodes:
            self._enter(node)

    def keep(self, node: Op, results: tuple[TensorType, ...]) -> None:
        """Append a node that stays as it is, like those of a loaded document.

        Args:
            node: a valid node, whose operands are values of this graph.
            results: the types of its results.
        """
        self._record(node, results)
        self._kept.update(node.references())
        self._enter(node)

    def _enter(self, node: Op) -> None:
        self._definitions[node.id] = node
        if type(node) is not Barrier:
            self._known[type(node)].setdefault(_key(node), node.id)

    def definition(self, value: Value) -> Op | None:
        """The node whose only result `value` is; None for an input or a parameter."""
        return self._definitions.get(value.id)

    def definition_of(self, reference: str) -> Op | None:
        """`definition`, of the value of that name."""
        return self._definitions.get(reference)

    def is_used(self, value: Value) -> bool:
        """Whether a value stays needed if what is about to be appended does without it: it was loaded, or has a use."""
        for node in self.nodes[self._asked :]:  # only now, because this is seldom asked
            self._used.update(node.inputs)
        self._asked = len(self.nodes)
        return value.id in self._used or self.is_kept(value)

    def is_fresh(self, value: Value) -> bool:
        """Whether a value is among the last that were appended, and has no use. No others are looked at."""
        for node in self.nodes[: -_FRESH - 1 : -1]:
            if node.id == value.id:
                return True
            if value.id in node.inputs:
                return False
        return False

    def is_kept(self, value: Value) -> bool:
        """Whether a value stays needed by what was loaded or marked; what was appended may yet be left out."""
        return value.id in self._kept or any(value.id in types for types in self._loaded)

    def mark_used(self, value: Value) -> None:
        """Say that a value stays needed, by what was not appended yet or by an output."""
        self._kept.add(value.id)

    @override
    def emit(
        self, op: type[Op], operands: Sequence[Value | None], attributes: dict[str, Any], id: str | None = None
    ) -> tuple[Value, ...]:
        references = self._references(op, operands)
        if op.attributes:
            return self._merged(self._node(op, references, attributes, id), operands)
        # Without attributes it is known before the node is made whether there is one like it.
        key = _operands_key(op, references)
        known = self._known[op].get(key)
        if known is not None:
            return self._results(op, known)
        return self._simplified(self._node(op, references, attributes, id), key, operands)

    @override
    def full(self, shape: Iterable[Dim], value: float, dtype: DType) -> Value:
        shape = tuple(shape)
        key = (dtype, shape, type(value), repr(value))
        constant = self._constants.get(key)
        if constant is None:
            scope, self.scope = self.scope, self.constant_scope
            id = self.fresh_id(f"full_{value:g}".replace("+", ""))
            self.scope = scope
            (constant,) = self.emit(Full, (), {"shape": shape, "value": value, "dtype": dtype}, id)
            self._constants[key] = constant
        return constant

    @override
    def append(self, node: Op) -> tuple[Value, ...]:
        return self._merged(node, tuple(map(self.value, node.inputs)))

    def _merged(self, node: Op, operands: Sequence[Value | None]) -> tuple[Value, ...]:
        """Append a node, unless the graph has its results or a rule knows better."""
        key = _key(node)
        known = self._known[type(node)].get(key)
        if known is not None:
            return self._results(type(node), known)
        return self._simplified(node, key, operands)

    def _simplified(self, node: Op, key: _Key, operands: Sequence[Value | None]) -> tuple[Value, ...]:
        """Append a node that the graph does not have, unless a rule knows better."""
        nodes = self._known[type(node)]
        inferred = self._infer(node, tuple([operand.type for operand in operands if operand is not None]))
        rules = self._applicable(node)
        if rules:
            candidate = Candidate(tuple(x for x in operands if x is not None), inferred[0], self)
            for rule in rules:
                simpler = rule(node, candidate)
                if simpler is not None:
                    if simpler.type != inferred[0]:
                        raise TypeError(f"{rule} made {simpler.type} of {node.name} {inferred[0]}")
                    self.applied[rule.__name__] += 1
                    nodes[key] = simpler.id
                    return (simpler,)
        results = self._record(node, inferred)
        self._definitions[node.id] = node
        if type(node) is not Barrier:
            nodes[key] = node.id
        return results

    def _results(self, op: type[Op], reference: str) -> tuple[Value, ...]:
        """The value of that name as the only result of `op`, or all results of the node of that name."""
        if len(op.results) == 1 and op is not Call:
            return (self.value(reference),)
        return tuple(map(self.value, self._definitions[reference].references()))

    def _applicable(self, node: Op) -> list[Rewrite]:
        """The rules for a node whose operands come from where its operands do."""
        table = rewrites.get(type(node))
        if table is None:
            return _NO_RULES
        found = table.get(None, _NO_RULES)
        kinds: list[type[Op]] = []
        for reference in node.inputs:
            source = self._definitions.get(reference)
            if source is not None and (more := table.get(type(source))) is not None and type(source) not in kinds:
                kinds.append(type(source))
                found = [*found, *more]
        return found


def _key(node: Op) -> _Key:
    """What two nodes of one op have in common exactly if one can stand for the other."""
    if not type(node).attributes:
        return _operands_key(type(node), node.inputs)
    return (*node.inputs, *(_attribute_key(getattr(node, name)) for name in node.attributes))


def _operands_key(op: type[Op], references: tuple[str, ...]) -> _Key:
    """The operands, in one order where their order makes no difference to a bit of the result."""
    return references[::-1] if op in _COMMUTATIVE and references[0] > references[1] else references


def _attribute_key(value: object) -> object:
    """A key that tells 1, 1.0 and True apart, and 0.0 and -0.0; NaN is one value."""
    if isinstance(value, tuple):
        return tuple(map(_attribute_key, cast("tuple[object, ...]", value)))
    if isinstance(value, float | bool):
        return type(value), repr(value)
    return value
