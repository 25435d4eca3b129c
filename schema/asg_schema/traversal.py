"""Walking a document's graph, without recursion."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from asg_schema.op import Op

if TYPE_CHECKING:
    from asg_schema.document import Document

__all__ = ["dependents", "live_among", "live_nodes", "node_of", "prune"]


def node_of(reference: str) -> str:
    """The id in a reference: `"pool"` for `"pool:1"`."""
    return reference.partition(":")[0]


def live_nodes(document: "Document", values: Iterable[str] | None = None) -> list[Op]:
    """The nodes on which `values` depend, in document order.

    Args:
        document: a valid document.
        values: references; absent: the values of the document's outputs.
    """
    return live_among(document.nodes, (output.value for output in document.outputs) if values is None else values)


def live_among(nodes: Sequence[Op], values: Iterable[str]) -> list[Op]:
    """Those of a graph's nodes, in topological order, on which `values` depend."""
    needed = set(values)
    live: list[Op] = []
    for node in reversed(nodes):
        if not needed.isdisjoint(node.references()):
            live.append(node)
            needed.update(node.inputs)
    live.reverse()
    return live


def dependents(document: "Document", values: Iterable[str]) -> set[str]:
    """The ids of the inputs, parameters and nodes in `values`, and of every node that depends on one of them."""
    reached = {node_of(value) for value in values}
    for node in document.nodes:
        if any(node_of(reference) in reached for reference in node.inputs):
            reached.add(node.id)
    return reached


def prune(document: "Document", outputs: Iterable[str] | None = None) -> "Document":
    """The document with only these outputs, by name, and the nodes that they need. The interface keeps its inputs.

    Args:
        document: a valid document.
        outputs: output names; absent: all of them, so that only dead nodes go.

    Raises:
        KeyError: the document has no output of that name.
    """
    from asg_schema.linking import functions_of  # at run time only here: a function's digest needs this module

    kept = document.outputs
    if outputs is not None:
        by_name = {output.name: output for output in document.outputs}
        kept = tuple(by_name[name] for name in outputs)
    nodes = live_nodes(document, [output.value for output in kept])
    # A model's copy would take over the digest and the types of the whole.
    pruned = document.model_construct(
        asg=document.asg,
        name=document.name,
        inputs=document.inputs,
        parameters=document.parameters,
        nodes=tuple(nodes),
        outputs=kept,
        functions=functions_of(nodes),
        metadata=document.metadata,
    )
    references = chain(
        (item.id for item in document.inputs),
        (item.id for item in document.parameters),
        chain.from_iterable(node.references() for node in nodes),
    )
    types = document.types
    object.__setattr__(pruned, "types", {reference: types[reference] for reference in references})
    return pruned
