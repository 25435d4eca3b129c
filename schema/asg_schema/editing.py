"""Making and extending graphs: append nodes with inference, under fresh ids.

The builder, the transformer and the optimizers all write documents through an `Editor`. A `Value` is a handle on a
value of the graph being edited; `Op.of` and Python's arithmetic operators append nodes:

```python
editor = Editor()
x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(symbol("n"),)))
y = Exp.of(x) * 2.0 + x
```
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Generic, Self

from pydantic import ValidationError
from typing_extensions import TypeVar

from asg_schema.attributes import LONGEST_IDENTIFIER, is_identifier
from asg_schema.dims import Dim
from asg_schema.dtype import DType
from asg_schema.errors import AsgError, DocumentError, RuleError
from asg_schema.free_name import free_name
from asg_schema.inference import Inference, type_problem
from asg_schema.op import Op
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.creation import Full
from asg_schema.ops.elementwise import (
    Add,
    Divide,
    Multiply,
    Negative,
    Pow,
    Subtract,
)
from asg_schema.tensor_type import TensorType
from asg_schema.wire import validation_problems

if TYPE_CHECKING:
    from asg_schema.document import Document, Input, Output, Parameter

__all__ = ["Editor", "Value"]


class Value:
    """A value of a graph that is being edited: its reference and its type."""

    __slots__ = ("editor", "id", "type")

    def __init__(self, editor: "Editor[Any]", id: str, type: TensorType) -> None:
        self.editor = editor
        self.id = id
        self.type = type

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.type.dtype

    @property
    def shape(self) -> tuple[Dim, ...]:
        """One dim for each axis."""
        return self.type.shape

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.type.shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, {self.type})"

    def scalar(self, value: "Self | float") -> Self:
        """A Python number as a rank-0 value of this value's dtype; a value as it is."""
        if isinstance(value, Value):
            return value
        return self.editor.full((), value, self.dtype)

    def __add__(self, other: "Self | float") -> Self:
        return Add.of(self, self.scalar(other))

    def __radd__(self, other: float) -> Self:
        return Add.of(self.scalar(other), self)

    def __sub__(self, other: "Self | float") -> Self:
        return Subtract.of(self, self.scalar(other))

    def __rsub__(self, other: float) -> Self:
        return Subtract.of(self.scalar(other), self)

    def __mul__(self, other: "Self | float") -> Self:
        return Multiply.of(self, self.scalar(other))

    def __rmul__(self, other: float) -> Self:
        return Multiply.of(self.scalar(other), self)

    def __truediv__(self, other: "Self | float") -> Self:
        return Divide.of(self, self.scalar(other))

    def __rtruediv__(self, other: float) -> Self:
        return Divide.of(self.scalar(other), self)

    def __pow__(self, other: "Self | float") -> Self:
        return Pow.of(self, self.scalar(other))

    def __rpow__(self, other: float) -> Self:
        return Pow.of(self.scalar(other), self)

    def __matmul__(self, other: Self) -> Self:
        return Matmul.of(self, other)

    def __neg__(self) -> Self:
        return Negative.of(self)


ValueT = TypeVar("ValueT", bound=Value, default=Value)


class Editor(Generic[ValueT]):
    """A graph under construction.

    Attributes:
        inputs, parameters, nodes, outputs: what was added so far.
        types: the type of every value so far, by reference.
        scope: put before the ids that `emit` chooses; a name with a trailing dot, or nothing.
    """

    def __init__(self, value_class: type[ValueT] = Value) -> None:
        self._value_class = value_class
        self.inputs: list[Input] = []
        self.parameters: list[Parameter] = []
        self.nodes: list[Op] = []
        self.outputs: list[Output] = []
        self.types: dict[str, TensorType] = {}
        self.scope = ""
        self._sound_scope: str | None = None  # the last one with which ids were found to be well-formed
        self._numbers: defaultdict[str, Iterator[int]] = defaultdict(lambda: count(1))
        self._output_names: set[str] = set()
        self._inference = Inference()

    def load(self, document: "Document") -> None:
        """Add everything that a valid document holds, ids unchanged.

        Raises:
            DocumentError: the document is not valid.
        """
        self.types.update(document.types)
        self.inputs.extend(document.inputs)
        self.parameters.extend(document.parameters)
        self.nodes.extend(document.nodes)
        self.outputs.extend(document.outputs)
        self._output_names.update(output.name for output in document.outputs)

    def value(self, reference: str) -> ValueT:
        """The handle of a value of the graph.

        Raises:
            KeyError: there is no such value.
        """
        return self._value_class(self, reference, self.types[reference])

    def fresh_id(self, hint: str) -> str:
        """An id that is not taken: `hint` within the scope, with a number behind it where needed."""
        wanted = self.scope + hint
        return free_name(wanted, self.types, "_", self._numbers[wanted]) if wanted in self.types else wanted

    def add_input(self, item: "Input") -> ValueT:
        """Declare an input.

        Raises:
            AsgError: its id is taken.
        """
        self._refuse_taken(item.id)
        self.inputs.append(item)
        self.types[item.id] = item.type
        return self.value(item.id)

    def add_parameter(self, item: "Parameter") -> ValueT:
        """Declare a parameter.

        Raises:
            AsgError: its id is taken.
        """
        self._refuse_taken(item.id)
        self.parameters.append(item)
        self.types[item.id] = item.type
        return self.value(item.id)

    def add_output(self, item: "Output") -> None:
        """Name a value to the outside.

        Raises:
            AsgError: the name is taken, or there is no such value.
        """
        if item.name in self._output_names:
            raise AsgError(f'the graph already has an output "{item.name}"')
        if item.value not in self.types:
            raise AsgError(f'output "{item.name}": there is no value "{item.value}" in this graph')
        self._output_names.add(item.name)
        self.outputs.append(item)

    def _refuse_taken(self, id: str) -> None:
        if id in self.types:
            raise AsgError(f'the id "{id}" is taken in this graph; ids are unique')

    def emit(
        self, op: type[Op], operands: Sequence[Value | None], attributes: dict[str, Any], id: str | None = None
    ) -> tuple[ValueT, ...]:
        """Append `op` applied to `operands` and return its results.

        Args:
            op: the op's class.
            operands: values of this graph; trailing ones that are None are left out.
            attributes: the op's attributes by name.
            id: the new node's id; absent: one made from the op's name.

        Raises:
            DocumentError: the operands or the attributes break the op's rule.
            AsgError: an operand belongs to another graph, or the id is taken.
        """
        return self.append(self._node(op, self._references(op, operands), attributes, id))

    def _node(self, op: type[Op], references: tuple[str, ...], attributes: dict[str, Any], id: str | None) -> Op:
        if id is None:
            id = self.fresh_id(op.name)
            if not attributes and op.attributes_optional and self._is_sound(id):
                return op.trusted(id, references)  # nothing is left for Pydantic to check
        try:
            return op(id=id, inputs=references, **attributes)
        except ValidationError as error:
            source = {"id": id, "op": op.name, "inputs": references, **attributes}
            place, owner = ("nodes", len(self.nodes)), f'node "{id}" ({op.name}): '
            raise DocumentError(validation_problems(error, source, place, owner, op.model_fields)) from None

    def _is_sound(self, id: str) -> bool:
        """Whether an id of the scope and an op's name is well-formed. Its characters are looked at once for a scope."""
        if self.scope == self._sound_scope:
            return len(id) <= LONGEST_IDENTIFIER
        if not is_identifier(id):
            return False
        self._sound_scope = self.scope
        return True

    def append(self, node: Op) -> tuple[ValueT, ...]:
        """Append a node whose operands are values of this graph, and return its results.

        Raises:
            DocumentError: the node breaks its op's rule.
            AsgError: its id is taken, or an operand is no value of this graph.
        """
        self._refuse_taken(node.id)
        try:
            operands = tuple(map(self.types.__getitem__, node.inputs))
        except KeyError as error:
            missing = error.args[0]
            raise AsgError(f'node "{node.id}" ({node.name}): there is no value "{missing}" in this graph') from None
        return self._record(node, self._infer(node, operands))

    def _infer(self, node: Op, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        try:
            return self._inference(node, operands)
        except RuleError as error:
            pointer = f"/nodes/{len(self.nodes)}"
            raise DocumentError([type_problem(error, node, pointer, self.types)]) from None

    def _record(self, node: Op, results: tuple[TensorType, ...]) -> tuple[ValueT, ...]:
        self.nodes.append(node)
        if len(results) == 1:
            self.types[node.id] = results[0]
            return (self._value_class(self, node.id, results[0]),)
        references = node.references()
        self.types.update(zip(references, results, strict=True))
        return tuple(map(self._value_class, [self] * len(results), references, results))

    def _references(self, op: type[Op], operands: Sequence[Value | None]) -> tuple[str, ...]:
        while operands and operands[-1] is None:
            operands = operands[:-1]
        references: list[str] = []
        for operand in operands:
            if operand is None:
                name = op.operands[min(len(references), len(op.operands) - 1)].name
                raise AsgError(f"{op.name}: {name} is missing although an operand after it is given")
            if operand.editor is not self:
                raise AsgError(f'{op.name}: "{operand.id}" belongs to another graph')
            references.append(operand.id)
        return tuple(references)

    def full(self, shape: Iterable[Dim], value: float, dtype: DType) -> ValueT:
        """A constant array: every element is `value`."""
        return self.emit(Full, (), {"shape": tuple(shape), "value": value, "dtype": dtype})[0]

    def document(self, name: str = "graph", metadata: "dict[str, Any] | None" = None) -> "Document":
        """The document as it stands. Its parts are not checked again: they were when they were added.

        Raises:
            DocumentError: `name` is not a name, or `metadata` does not go into JSON.
            AsgError: two functions that it calls have one name.
        """
        from asg_schema.document import Document  # at run time only here: its node union needs the composites first
        from asg_schema.linking import functions_of  # likewise

        heading = {"name": name, "metadata": metadata or {}}
        try:
            Document.model_validate(heading)
        except ValidationError as error:
            raise DocumentError(validation_problems(error, heading)) from None
        document = Document.model_construct(
            name=name,
            inputs=tuple(self.inputs),
            parameters=tuple(self.parameters),
            nodes=tuple(self.nodes),
            outputs=tuple(self.outputs),
            functions=functions_of(self.nodes),
            metadata=metadata or {},
        )
        object.__setattr__(document, "types", dict(self.types))
        return document
