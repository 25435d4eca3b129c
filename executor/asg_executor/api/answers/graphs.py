"""Answers about graphs."""

from typing import Any, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from asg_executor.api.answers.values import CLOSED, Digest, Tensor
from asg_schema.attributes import Name, Reference, Shape
from asg_schema.dtype import DType
from asg_schema.parts import Input, Output, Parameter
from asg_schema.roles import OutputRole

__all__ = ["Graph", "GraphOutput", "GraphWithDocument", "Node", "RunAnswer", "StoredDocument", "StoredFunction"]


@with_config(CLOSED)
class GraphOutput(TypedDict):
    """An output of a graph."""

    name: Name
    """Its name."""

    value: Reference
    """The value of the document that it is."""

    role: NotRequired[OutputRole]
    """What it is for; absent: a value."""

    dtype: DType
    """The type of its elements."""

    shape: Shape
    """Its shape, as it follows from those of the inputs."""


@with_config(CLOSED)
class Graph(TypedDict):
    """A graph's interface."""

    digest: Digest
    """By which it is found."""

    inputs: list[Input]
    """What each run needs."""

    parameters: list[Parameter]
    """What a session keeps between runs."""

    outputs: list[GraphOutput]
    """What a run computes."""


@with_config(ConfigDict(extra="allow", use_attribute_docstrings=True))
class Node(TypedDict):
    """A node of a document. Its other fields are those of its op: `asg schema` prints their JSON Schema."""

    id: str
    """Its name within the document."""

    op: str
    """Its op, one of those that `/v1` lists."""


@with_config(CLOSED)
class StoredFunction(TypedDict):
    """A graph that nodes of a document call."""

    inputs: list[Input]
    """What it is given."""

    nodes: list[Node]
    """What is computed, in topological order."""

    outputs: list[Output]
    """What it answers."""

    vjp: NotRequired[Name]
    """The function by which it is differentiated."""


@with_config(CLOSED)
class StoredDocument(TypedDict):
    """An ASG document. `asg schema` prints its JSON Schema in full, op by op."""

    asg: int
    """The version of the format."""

    name: str
    """Its name, which has no meaning."""

    inputs: list[Input]
    """What each run needs."""

    parameters: list[Parameter]
    """What a session keeps between runs."""

    nodes: list[Node]
    """What is computed, in topological order."""

    outputs: list[Output]
    """What a run computes."""

    functions: NotRequired[dict[Name, StoredFunction]]
    """Graphs that nodes call, by name."""

    metadata: NotRequired[dict[str, Any]]
    """Notes, which have no meaning."""


@with_config(CLOSED)
class GraphWithDocument(Graph):
    """A graph's interface, and the graph itself."""

    document: StoredDocument
    """The document."""


@with_config(CLOSED)
class RunAnswer(TypedDict):
    """What a run without a session computed."""

    outputs: dict[str, Tensor]
    """The outputs, by name."""
