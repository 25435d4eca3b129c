"""The document: a differentiable program as data."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from asg_schema.any_op import AnyOp, Function
from asg_schema.attributes import Name
from asg_schema.digest import document_digest
from asg_schema.errors import DocumentError
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.linking import as_parts, link_functions, linked_nodes
from asg_schema.parts import Input, Output, Parameter
from asg_schema.reading import FORMAT_VERSION, MOST_FUNCTIONS, check_fields, check_version, read_parts
from asg_schema.tensor_type import TensorType
from asg_schema.validation import check_parts, check_types
from asg_schema.wire import parse_json
from asg_schema.writing import write_document

__all__ = ["FORMAT_VERSION", "AnyOp", "Document", "Function", "Input", "Output", "Parameter"]


class Document(BaseModel):
    """A program: its interface (inputs, parameters, outputs) and its nodes, in topological order.

    A `Document` that was made by `from_json`, the builder or a transform is valid: ids are unique, references lead
    backwards, every op's rule holds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    asg: Annotated[int, Field(strict=True, ge=1, le=FORMAT_VERSION)] = FORMAT_VERSION
    name: Name = "graph"
    inputs: tuple[Input, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    nodes: tuple[AnyOp, ...] = ()
    outputs: tuple[Output, ...] = ()
    functions: dict[Name, Function] = Field(
        default={}, max_length=MOST_FUNCTIONS, description="Graphs that nodes call, by name."
    )
    metadata: dict[str, JsonValue] = Field(default={}, description="Free-form notes. They do not enter the digest.")

    @classmethod
    def from_json(cls, text: str | bytes | bytearray) -> "Document":
        """Read a document and check it whole.

        Raises:
            DocumentError: with every problem of the document, each with its JSON Pointer.
        """
        with garbage_collection_paused():
            return cls.from_dict(parse_json(text))

    @classmethod
    def from_dict(cls, source: Any) -> "Document":
        """Like `from_json`, from parsed JSON.

        Raises:
            DocumentError: with every problem of the document, each with its JSON Pointer.
        """
        check_version(source)
        check_fields(source)
        try:
            document = cls.model_validate(source)
        except ValidationError:
            # Part by part, so that what is sound is checked although something else is not well-formed.
            raise DocumentError(check_parts(read_parts(source))) from None
        if document.functions:
            functions, _ = link_functions(document.functions)
            update = {
                "nodes": linked_nodes(document.nodes, functions),
                "functions": {**document.functions, **as_parts(functions)},
            }
            document = document.model_copy(update=update)
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
