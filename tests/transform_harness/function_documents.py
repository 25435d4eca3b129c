"""Documents with functions, with and without gradients of their own."""

from typing import Any

import numpy as np

import asg_executor
from asg_schema import Document
from op_samples.sample import Array, spread

F64 = "float64"


def tensor(id: str, *shape: Any) -> dict[str, Any]:
    return {"id": id, "dtype": F64, "shape": list(shape)}


def node(id: str, op: str, *inputs: str, **attributes: Any) -> dict[str, Any]:
    return {"id": id, "op": op, "inputs": list(inputs), **attributes}


def graph(inputs: list[dict[str, Any]], nodes: list[dict[str, Any]], *outputs: str, **more: Any) -> dict[str, Any]:
    return {"inputs": inputs, "nodes": nodes, "outputs": [{"name": name, "value": name} for name in outputs], **more}


LAYER = graph(
    [tensor("x", "n", 3), tensor("w", 3, 3)],
    [node("m", "matmul", "x", "w"), node("t", "tanh", "m"), node("y", "add", "t", "x"), node("s", "softmax", "y")],
    *("y", "s"),
)
TRIPLE = graph(
    [tensor("x", "n", 3), tensor("w", 3)],
    [node("r", "round", "x"), node("y", "multiply", "r", "w")],
    "y",
    vjp="triple.vjp",
)
# The cotangent of x is that of the identity, times 3; that of w as it is.
TRIPLE_VJP = graph(
    [tensor("x", "n", 3), tensor("w", 3), tensor("y", "n", 3), tensor("g", "n", 3)],
    [
        node("two", "add", "g", "g"),
        node("gx", "add", "two", "g"),
        node("products", "multiply", "g", "x"),
        node("gw", "sum", "products", axis=[0]),
    ],
    *("gx", "gw"),
)


def layers() -> Document:
    """Two calls of one function, of which the first uses one result and the second the other."""
    return Document.from_dict(
        {
            "asg": 1,
            "inputs": [tensor("x", "batch", 3), tensor("w", 3, 3)],
            "nodes": [
                node("a", "call", "x", "w", function="layer"),
                node("b", "call", "a", "w", function="layer"),
                node("q", "multiply", "b:1", "a:1"),
                node("loss", "sum", "q"),
            ],
            "outputs": [{"name": "loss", "value": "loss"}, {"name": "b", "value": "b"}],
            "functions": {"layer": LAYER},
        }
    )


def custom() -> Document:
    """A function with a gradient of its own, called by one without."""
    outer = graph([tensor("v", "k", 3), tensor("w", 3)], [node("c", "call", "v", "w", function="triple")], "c")
    return Document.from_dict(
        {
            "asg": 1,
            "inputs": [tensor("x", "batch", 3), tensor("w", 3)],
            "nodes": [
                node("e", "exp", "x"),
                node("y", "call", "e", "w", function="outer"),
                node("q", "multiply", "y", "y"),
                node("loss", "sum", "q"),
            ],
            "outputs": [{"name": "loss", "value": "loss"}, {"name": "y", "value": "y"}],
            "functions": {"triple": TRIPLE, "triple.vjp": TRIPLE_VJP, "outer": outer},
        }
    )


X, W = spread(4, 3), spread(3, 3)


def run(document: Document, **inputs: Array) -> dict[str, Array]:
    read = Document.from_json(document.to_json())
    assert read.types == document.types
    assert read.digest == document.digest
    return asg_executor.run(read, inputs)


def assert_same(first: dict[str, Array], second: dict[str, Array]) -> None:
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_allclose(value, second[name], rtol=1e-12, atol=1e-12, err_msg=name)


def custom_gradients(x: Array, w: Array) -> dict[str, Array]:
    """What the document's functions say, in NumPy."""
    e = np.exp(x)
    y = np.round(e) * w
    return {
        "loss": np.asarray(np.sum(y * y)),
        "y": y,
        "grad.x": 3 * 2 * y * e,
        "grad.w": np.sum(2 * y * e, 0),
    }
