"""`Custom`: an update rule that the client brings as a document."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Literal

from typing_extensions import override

from asg_executor.optimizers.rule import LearningRate, Rule, Slot
from asg_schema.dims import Dim, symbol, symbols_of
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.errors import DocumentError, Problem
from asg_schema.tensor_type import TensorType
from asg_schema.wire import json_pointer

__all__ = ["Custom"]

_NUMBERS = {"step": TensorType(DType.INT64, ()), "learning_rate": TensorType(DType.FLOAT64, ())}
_VECTORS = ("parameter", "gradient")


class Custom(Rule):
    """An update rule that the client brings: `{"kind": "document", "document": {…}, "learning_rate": 0.1}`.

    The document has no parameters, and these inputs, none of them with a role:

    - `parameter`: a vector of a symbolic length, `["length"]`, of a floating-point dtype;
    - `gradient`: of the same type;
    - `step`, where it is used: the number of the step, from 1 on, int64, rank 0;
    - `learning_rate`, where it is used: float64, rank 0;
    - any other one is a slot: a floating-point vector of the same length, which holds zeros before the first step.

    Its outputs are `parameter` and each slot: the next value of the input of the same name, of the same type. The
    vector holds all parameters of one group, end to end. They have the document's dtype.

    Attributes:
        document: the document, as JSON.
        learning_rate: the learning rate or its schedule; given exactly where the document has that input.
    """

    kind: Literal["document"] = "document"
    document: dict[str, Any]
    learning_rate: LearningRate | None = None

    @cached_property
    def program(self) -> Document:
        """The document.

        Raises:
            DocumentError: it is not valid.
        """
        return Document.from_dict(self.document)

    @property
    def _dtype(self) -> DType:
        return next(item.dtype for item in self.program.inputs if item.id == "parameter")

    @override
    def slots(self, type: TensorType) -> tuple[Slot, ...]:
        return tuple(
            Slot(item.id, TensorType(item.dtype, type.shape))
            for item in self.program.inputs
            if item.id not in _VECTORS and item.id not in _NUMBERS
        )

    @override
    def refusal(self, type: TensorType) -> str | None:
        wanted = self._dtype
        if type.dtype is wanted:
            return None
        return f"the document updates {wanted.value}; a parameter of another dtype needs a group of its own"

    @override
    def update_document(self, dtype: DType, shapes: Sequence[tuple[Dim, ...]]) -> Document:
        return self.program

    @override
    def problems(self) -> list[Problem]:
        try:
            program = self.program
        except DocumentError as error:
            return [Problem(f"/document{pointer}", code, message) for pointer, code, message in error.problems]
        found = [*_interface_problems(program), *_input_problems(program), *_output_problems(program)]
        problems = [Problem(json_pointer(["document", *path]), code, message) for path, code, message in found]
        takes = any(item.id == "learning_rate" for item in program.inputs)
        if takes and self.learning_rate is None:
            message = 'the document has the input "learning_rate"; a learning rate is needed'
            problems.append(Problem("/learning_rate", "missing_field", message))
        if not takes and self.learning_rate is not None:
            message = 'the document has no input "learning_rate"; leave the learning rate out, or declare the input'
            problems.append(Problem("/learning_rate", "unknown_field", message))
        return problems


_Found = tuple[list[str | int], str, str]
"""Where in the document a problem is, its code, and its message."""


def _interface_problems(program: Document) -> Iterator[_Found]:
    for index, parameter in enumerate(program.parameters):
        message = f'an update document has no parameters: make "{parameter.id}" an input, which is a slot'
        yield ["parameters", index], "invalid_update", message
    known = {item.id for item in program.inputs}
    for name in _VECTORS:
        if name not in known:
            yield ["inputs"], "missing_input", f'there is no input "{name}"; an update document needs it'
    for kind, items in (("inputs", program.inputs), ("outputs", program.outputs)):
        for index, item in enumerate(items):
            if item.role is not None:
                name = item.id if isinstance(item, Input) else item.name
                message = f'"{name}" has the role "{item.role.kind}"; an update document has none'
                yield [kind, index, "role"], "invalid_update", message


def _is_vector(type: TensorType) -> bool:
    """Whether a type is a floating-point vector whose length is one symbol."""
    if not type.dtype.is_floating or len(type.shape) != 1:
        return False
    names = symbols_of(type.shape[0])
    return len(names) == 1 and type.shape[0] == symbol(next(iter(names)))


def _input_problems(program: Document) -> Iterator[_Found]:
    parameter = next((item for item in program.inputs if item.id == "parameter"), None)
    for index, item in enumerate(program.inputs):
        needed: str | None = None
        if item.id in _NUMBERS:
            needed = None if item.type == _NUMBERS[item.id] else str(_NUMBERS[item.id])
        elif item.id == "parameter":
            needed = None if _is_vector(item.type) else 'a floating-point vector of a symbolic length, ["length"],'
        elif parameter is not None and item.id == "gradient":
            needed = None if item.type == parameter.type else f'{parameter.type}, the type of "parameter",'
        elif parameter is not None and (not item.dtype.is_floating or item.shape != parameter.shape):
            needed = f'a floating-point slot of the shape of "parameter", {parameter.type},'
        if needed is not None:
            message = f'the input "{item.id}" is {item.type}; {needed} is needed'
            yield ["inputs", index], "type_mismatch", message


def _output_problems(program: Document) -> Iterator[_Found]:
    declared = {item.id: item.type for item in program.inputs if item.id not in ("gradient", *_NUMBERS)}
    outputs: dict[str, Output] = {item.name: item for item in program.outputs}
    for name in declared.keys() - outputs.keys():
        kind = "parameter" if name == "parameter" else "slot"
        message = f'there is no output "{name}"; the next value of the {kind} is needed'
        yield ["outputs"], "missing_output", message
    for index, item in enumerate(program.outputs):
        type = program.types[item.value]
        if item.name not in declared:
            known = ", ".join(f'"{name}"' for name in declared)
            message = f'the output "{item.name}" is neither the parameter nor a slot; outputs are {known}'
            yield ["outputs", index], "unknown_name", message
        elif type != declared[item.name]:
            message = f'the output "{item.name}" is {type}; {declared[item.name]}, as the input, is needed'
            yield ["outputs", index], "type_mismatch", message
