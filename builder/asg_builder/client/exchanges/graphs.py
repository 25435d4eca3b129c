"""Documents that the executor keeps, and runs without a session."""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy.typing as npt

from asg_builder.arrays import Array
from asg_builder.client.errors import UnexpectedAnswer
from asg_builder.client.exchanges.asking import ask, get, quoted, send_tensors
from asg_builder.client.payload import as_names, convert_tensors, encode
from asg_builder.client.request import Exchange, Request
from asg_schema.document import Document
from asg_schema.errors import AsgError, DocumentError

__all__ = ["add_graph", "checked_document", "get_graph", "run_graph"]


def checked_document(document: Document, what: str) -> Document:
    """The document, if it is one.

    Args:
        document: the document.
        what: what it is to the caller, for the error.

    Raises:
        AsgError: it is not, but a graph that is being built, for example.
    """
    given = cast("object", document)  # a caller without a type checker may give anything
    if not isinstance(given, Document):
        hint = "; its document() is one" if hasattr(given, "document") else ""
        raise AsgError(f"{what} is a {type(given).__name__}; a Document is needed{hint}")
    return document


def add_graph(document: Document) -> Exchange[str]:
    """Send a document; its digest."""
    checked_document(document, "document")
    return (yield from ask(Request("POST", "/v1/graphs", document.to_json().encode()))).field("digest")


def get_graph(digest: str) -> Exchange[Document]:
    """The document of a digest."""
    content = (yield from get(f"/v1/graphs/{quoted(digest)}")).field("document")
    try:
        return Document.from_dict(content)
    except DocumentError as error:
        raise UnexpectedAnswer(f"the executor's document is none that this version of asgraph reads: {error}") from None


def run_graph(
    document: Document,
    inputs: Mapping[str, npt.ArrayLike],
    parameters: Mapping[str, npt.ArrayLike] | None,
    outputs: Sequence[str] | None,
) -> Exchange[dict[str, Array]]:
    """Run a document once; its outputs by name."""
    checked_document(document, "document")
    owner = f'the document "{document.name}"'
    tensors = {
        **convert_tensors(inputs, {item.id: item.dtype for item in document.inputs}, "input", owner),
        **convert_tensors(parameters or {}, {item.id: item.dtype for item in document.parameters}, "parameter", owner),
    }
    names = as_names(outputs)
    digest = yield from add_graph(document)
    return (yield from send_tensors("POST", f"/v1/graphs/{digest}/run", encode(tensors, outputs=names))).tensors
