"""The document: a differentiable program as data."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, Union, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, StringConstraints, ValidationError

from asg_schema.attributes import Identifier, Reference, Shape
from asg_schema.digest import document_digest
from asg_schema.dtype import DType
from asg_schema.errors import DocumentError, Problem
from asg_schema.initializers import Initializer, Zeros
from asg_schema.op import Op
from asg_schema.op_table import OPS
from asg_schema.roles import InputRole, OutputRole
from asg_schema.tensor_type import TensorType
from asg_schema.validation import check_types
from asg_schema.wire import parse_json, validation_problems
from asg_schema.writing import write_document

__all__ = ["FORMAT_VERSION", "AnyOp", "Document", "Input", "Output", "Parameter"]

FORMAT_VERSION = 1

if TYPE_CHECKING:
    AnyOp: TypeAlias = Op
else:
    AnyOp = Annotated[Union[tuple(OPS.values())], Field(discriminator="op")]  # noqa: UP007 - the members are computed

_PART = ConfigDict(extra="forbid", frozen=True)
Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=255, strict=True)]


class Input(BaseModel):
    """A value that comes in with each run."""

    model_config = _PART

    id: Identifier
    dtype: DType
    shape: Shape
    role: InputRole | None = Field(default=None, description="What the input is for; absent: data.")

    @property
    def type(self) -> TensorType:
        """The dtype and shape."""
        return TensorType(self.dtype, self.shape)


class Parameter(BaseModel):
    """A value that the executor keeps between runs. Its shape is known; its weights are never in the document."""

    model_config = _PART

    id: Identifier
    dtype: DType
    shape: Annotated[tuple[Annotated[int, Field(strict=True, ge=0, lt=2**63)], ...], Field()]
    init: Initializer = Zeros()
    trainable: StrictBool = True

    @property
    def type(self) -> TensorType:
        """The dtype and shape."""
        return TensorType(self.dtype, self.shape)


class Output(BaseModel):
    """A value that the document gives a name to the outside."""

    model_config = _PART

    name: Name
    value: Reference
    role: OutputRole | None = Field(default=None, description="What the output is for; absent: a value.")


class Document(BaseModel):
    """A program: its interface (inputs, parameters, outputs) and its nodes, in topological order.

    A `Document` that was made by `from_json`, the builder or a transform is valid: ids are unique, references lead
    backwards, every op's rule holds.
    """

    model_config = _PART

    asg: Literal[1] = FORMAT_VERSION
    name: Name = "graph"
    inputs: tuple[Input, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    nodes: tuple[AnyOp, ...] = ()
    outputs: tuple[Output, ...] = ()
    metadata: dict[str, JsonValue] = Field(default={}, description="Free-form notes. They do not enter the digest.")

    @classmethod
    def from_json(cls, text: str | bytes | bytearray) -> "Document":
        """Read a document and check it whole.

        Raises:
            DocumentError: with every problem of the document, each with its JSON Pointer.
        """
        return cls.from_dict(parse_json(text))

    @classmethod
    def from_dict(cls, source: Any) -> "Document":
        """Like `from_json`, from parsed JSON.

        Raises:
            DocumentError: with every problem of the document, each with its JSON Pointer.
        """
        _check_version(source)
        try:
            document = cls.model_validate(source)
        except ValidationError as error:
            raise DocumentError(validation_problems(error, source)) from None
        _ = document.types
        return document

    def to_json(self) -> str:
        """The document as JSON text: one line for each input, parameter, node and output, defaults left out.

        `from_json` reads an equal document back.
        """
        return write_document(self)

    def to_dict(self) -> dict[str, Any]:
        """The document as a JSON value."""
        return parse_json(self.to_json())

    @cached_property
    def types(self) -> Mapping[str, TensorType]:
        """The type of every value by its reference: inputs, parameters, and every result of every node.

        Raises:
            DocumentError: with every problem of the document.
        """
        return check_types(self)

    @cached_property
    def digest(self) -> str:
        """What the document means, as 64 hexadecimal digits: see `asg_schema.digest`."""
        return document_digest(self)


def _check_version(source: object) -> None:
    if not isinstance(source, dict):
        raise DocumentError([Problem("", "invalid_value", f"a document is a JSON object, not {type(source).__name__}")])
    if "asg" not in source:
        message = f'the field "asg", the format\'s version, is missing; this reader knows version {FORMAT_VERSION}'
        raise DocumentError([Problem("/asg", "missing_field", message)])
    version = cast("dict[str, object]", source)["asg"]
    if isinstance(version, int) and not isinstance(version, bool) and version > FORMAT_VERSION:
        message = f"the document has format version {version}; this reader knows versions up to {FORMAT_VERSION}"
        raise DocumentError([Problem("/asg", "newer_version", message)])
