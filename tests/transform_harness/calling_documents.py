"""Random documents whose nodes stand in a function that is called twice."""

from typing import Any

from asg_autograd import specialize
from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.errors import DocumentError
from asg_schema.roles import StateUpdateRole
from transform_harness.chained_documents import chained_document
from transform_harness.random_documents import RandomDocument, random_document

__all__ = ["calling_document"]


def calling_document(seed: int, steps: int) -> RandomDocument:
    """A random document, or a chained one, as a function, and a document that calls it: once as the document is
    called, and once with less for the first input or parameter of double precision.
    """
    inner = (random_document if seed % 2 else chained_document)(seed, steps)
    document = inner.document
    if not inner.values:  # a function takes something
        return inner
    try:
        calling = Document.from_dict(_calling(document))
    except DocumentError:  # of n + 1 alone a function cannot tell what n is
        calling = Document.from_dict(_calling(specialize(document, **inner.sizes)))
        return RandomDocument(calling, inner.values, {})
    return RandomDocument(calling, inner.values, inner.sizes)


def _calling(document: Document) -> dict[str, Any]:
    source = document.to_dict()
    sources = (*document.inputs, *document.parameters)
    outputs = [item.name for item in document.outputs if not isinstance(item.role, StateUpdateRole)]
    body = {
        "inputs": [_without_role(item) for item in _taken(source)],
        "nodes": source["nodes"],
        "outputs": [_without_role(item) for item in source["outputs"] if item["name"] in outputs],
    }
    ids = [item.id for item in sources]
    doubles = [item.id for item in sources if item.dtype is DType.FLOAT64]
    nodes: list[dict[str, Any]] = [{"id": "whole", "op": "call", "inputs": ids, "function": "body"}]
    if doubles:
        nodes.append({"id": "part", "op": "full", "dtype": "float64", "shape": [], "value": 0.9})
        nodes.append({"id": "less", "op": "multiply", "inputs": [doubles[0], "part"]})
        changed = ["less" if id == doubles[0] else id for id in ids]
        nodes.append({"id": "again", "op": "call", "inputs": changed, "function": "body"})
    nodes.append({"id": "total", "op": "add", "inputs": ["whole", "again" if doubles else "whole"]})
    results = [{"name": name, "value": f"whole:{index}"} for index, name in enumerate(outputs) if index]
    return {
        **{key: value for key, value in source.items() if key not in ("nodes", "outputs")},
        "nodes": nodes,
        "outputs": [{"name": "loss", "value": "total"}, *results],
        "functions": {**source.get("functions", {}), "body": body},
    }


def _taken(source: dict[str, Any]) -> list[dict[str, Any]]:
    """What a function takes in place of a document's inputs and parameters."""
    return [*source["inputs"], *({key: item[key] for key in ("id", "dtype", "shape")} for item in source["parameters"])]


def _without_role(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != "role"}
