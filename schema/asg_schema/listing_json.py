"""What a document holds, and its figures, as JSON for a program: types written out, defaults too."""

from collections.abc import Mapping
from typing import Any

from asg_schema.dims import dim_to_json
from asg_schema.document import Document
from asg_schema.function import LinkedFunction
from asg_schema.linking import link_functions
from asg_schema.op import Op
from asg_schema.parts import Output
from asg_schema.statistics import Figures, Statistics
from asg_schema.tensor_type import TensorType
from asg_schema.writing import input_to_json, output_to_json, parameter_to_json

__all__ = ["document_json", "statistics_json"]


def document_json(document: Document) -> dict[str, Any]:
    """The listing of a valid document: its parts, those of its functions too, with the type of every value."""
    functions, _ = link_functions(document.functions)
    listed = {"functions": {name: _function_json(functions[name]) for name in document.functions}}
    return {
        "name": document.name,
        "asg": document.asg,
        "digest": document.digest,
        "inputs": [input_to_json(item) for item in document.inputs],
        "parameters": [
            {**parameter_to_json(item), "elements": item.type.size, "trainable": item.trainable}
            for item in document.parameters
        ],
        "nodes": [_node_json(node, document.types) for node in document.nodes],
        "outputs": [_output_json(item, document.types) for item in document.outputs],
        **(listed if document.functions else {}),
    }


def _function_json(function: LinkedFunction) -> dict[str, Any]:
    types = function.types
    return {
        "inputs": [input_to_json(item) for item in function.inputs],
        "nodes": [_node_json(node, types) for node in function.nodes],
        "outputs": [_output_json(item, types) for item in function.outputs],
        "vjp": None if function.vjp is None else function.vjp.name,
        "expanded_nodes": function.expanded_nodes,
    }


def _output_json(item: Output, types: Mapping[str, TensorType]) -> dict[str, Any]:
    return {**output_to_json(item), **_type_json(types[item.value])}


def _node_json(node: Op, types: Mapping[str, TensorType]) -> dict[str, Any]:
    results = [{"id": reference, **_type_json(types[reference])} for reference in node.references()]
    found: dict[str, Any] = {"id": node.id, "op": node.name, "inputs": list(node.inputs)}
    return {**found, "attributes": node.attribute_json(), "results": results}


def _type_json(type: TensorType) -> dict[str, Any]:
    return {"dtype": type.dtype.value, "shape": [dim_to_json(dim) for dim in type.shape]}


def statistics_json(figures: Statistics) -> dict[str, Any]:
    """The figures of a document. A number that depends on symbols is a dim as documents have it."""
    return {
        **_figures_json(figures.total),
        "depth": figures.depth,
        "parameters": {
            "count": figures.parameters,
            "elements": figures.elements,
            "bytes": figures.parameter_bytes,
        },
        "ops": {name: _figures_json(item) for name, item in figures.ops.items()},
        "scopes": {name: _figures_json(item) for name, item in figures.scopes.items()},
        "largest": [
            {"id": value.reference, **_type_json(value.type), "bytes": dim_to_json(value.bytes)}
            for value in figures.largest
        ],
    }


def _figures_json(figures: Figures) -> dict[str, Any]:
    return {
        "nodes": figures.nodes,
        "operations": dim_to_json(figures.operations),
        "uncounted": figures.uncounted,
        "bytes": dim_to_json(figures.bytes),
    }
