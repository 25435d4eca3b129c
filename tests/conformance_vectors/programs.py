"""Cases of whole documents: what no single op shows. The expected values are worked out by hand or in plain NumPy."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from asg_autograd import grad, vjp
from asg_schema.document import Document
from conformance_vectors.case import Case, expected_json, run_case
from executor_harness.regression import regression
from op_samples.sample import Array, floats

__all__ = ["cases_of_programs"]

_EPS32, _EPS64 = 2.0**-23, 2.0**-52
_ONE = np.array(1.0)


def _document(shape: list[Any], nodes: list[dict[str, Any]], outputs: dict[str, str], **more: Any) -> Document:
    """A document over one float64 input x."""
    inputs = [{"id": "x", "dtype": "float64", "shape": shape}, *more.pop("inputs", [])]
    listed = [{"name": name, "value": value} for name, value in outputs.items()]
    return Document.from_dict({"asg": 1, "inputs": inputs, "nodes": nodes, "outputs": listed, **more})


def _node(id: str, op: str, *inputs: str, **attributes: Any) -> dict[str, Any]:
    return {"id": id, "op": op, "inputs": list(inputs), **attributes}


def cases_of_programs() -> Iterator[Case]:
    """Every case, with the digest of its document."""
    for case in _programs():
        yield {**case, "digest": Document.from_dict(case["document"]).digest}


def _programs() -> Iterator[Case]:
    yield _regression()
    yield _softmax_rows()
    yield _third_order()
    yield _constant_exponents()
    yield from _paths()
    yield from _guarded_logarithm()
    yield _symbolic_sizes()
    yield _constants()
    yield _dead_nodes()
    yield _functions()
    yield _custom_gradient()


def _run(id: str, document: Document, inputs: dict[str, Array], expected: dict[str, Array], scale: float = 1.0) -> Case:
    """A case in float64 whose outputs may be off by 8 eps of themselves, or of `scale`."""
    error = 8 * _EPS64
    wanted = {name: expected_json(array, relative=error, absolute=error * scale) for name, array in expected.items()}
    return run_case(f"program.{id}", None, document, inputs, wanted)


def _regression() -> Case:
    """The document of the format's description, and its gradient, in closed form."""
    x = np.array([[1.0, 2.0, 3.0], [-1.0, 0.5, 2.0]])
    target, weight, bias = np.array([[1.0], [2.0]]), np.array([[0.5], [-1.0], [0.25]]), np.array([0.125])
    prediction = x @ weight + bias
    error = prediction - target
    values = {
        "prediction": prediction,
        "loss": np.asarray(np.mean(error**2)),
        "grad.weight": x.T @ error * (2 / error.size),
        "grad.bias": np.sum(error, 0) * (2 / error.size),
    }
    given = {"x": x, "target": target, "weight": weight, "bias": bias}
    expected = {
        name: expected_json(array.astype(np.float32), relative=8 * _EPS32, absolute=64 * _EPS32)
        for name, array in values.items()
    }
    inputs = {name: array.astype(np.float32) for name, array in given.items()}
    return run_case("program.regression", None, grad(regression()), inputs, expected)


def _softmax_rows() -> Case:
    """The derivative of a row's softmax depends on that row alone."""
    document = vjp(_document([2, 2], [_node("y", "softmax", "x")], {"y": "y"}), ["y"], ["x"])
    inputs = {"x": np.array([[0.0, 0.0], [0.0, math.log(3.0)]]), "cotangent.y": np.array([[1.0, 0.0], [0.0, 2.0]])}
    # p (1 - p) = 1/4 in the first row; in the second 3/16, twice.
    expected = {
        "y": np.array([[0.5, 0.5], [0.25, 0.75]]),
        "grad.x": np.array([[0.25, -0.25], [-0.375, 0.375]]),
    }
    return _run("softmax_rows", document, inputs, expected)


def _third_order() -> Case:
    """The derivatives of x⁵ of orders 1 to 3, each by differentiating the document of the order before."""
    nodes = [
        _node("x2", "multiply", "x", "x"),
        _node("x4", "multiply", "x2", "x2"),
        _node("x5", "multiply", "x4", "x"),
    ]
    document = _document([], nodes, {"y": "x5"})
    for of in ("y", "grad.x", "grad2.x"):
        document = grad(document, of=of, wrt=["x"])
    values = {"y": 32.0, "grad.x": 80.0, "grad2.x": 160.0, "grad3.x": 240.0}
    return _run(
        "third_order", document, {"x": np.array(2.0)}, {name: np.array(value) for name, value in values.items()}, 240.0
    )


def _constant_exponents() -> Case:
    """x⁰, x¹, x² and x³ at 0: their derivatives have neither 0 · log 0 nor 0 · inf in them."""
    exponents = {"id": "n", "dtype": "float64", "shape": [4]}
    document = _document([4], [_node("y", "pow", "x", "n")], {"y": "y"}, inputs=[exponents])
    document = vjp(vjp(document, ["y"], ["x"]), ["grad.x"], ["x"])
    inputs = {"x": np.zeros(4), "n": np.arange(4.0), "cotangent.y": np.ones(4), "cotangent.grad.x": np.ones(4)}
    expected = {"grad.x": floats(0.0, 1.0, 0.0, 0.0), "grad2.x": floats(0.0, 0.0, 2.0, 0.0)}
    return _run("constant_exponents", document, inputs, expected)


def _paths() -> Iterator[Case]:
    """How derivatives add up over the paths from an output to x, and stop."""
    stopped = [_node("s", "stop_gradient", "x"), _node("y", "multiply", "x", "s")]
    whole = [
        _node("i", "astype", "x", dtype="int64"),
        _node("w", "astype", "i", dtype="float64"),
        _node("y", "multiply", "x", "w"),
    ]
    several = [_node("a", "multiply", "x", "x"), _node("b", "exp", "x"), _node("y", "add", "a", "b")]
    constant = [_node("y", "floor", "x")]
    for name, nodes, x, gradient in (
        ("stopped_path", stopped, floats(3.0, 5.0), floats(3.0, 5.0)),
        ("path_through_integers", whole, floats(3.5, -5.5), floats(3.0, -5.0)),
        ("two_paths", several, floats(0.0, 1.0), floats(1.0, 2.0 + math.e)),
        ("no_path", constant, floats(0.5, 1.5), floats(0.0, 0.0)),
    ):
        document = vjp(_document([2], nodes, {"y": "y"}), ["y"], ["x"])
        yield _run(name, document, {"x": x, "cotangent.y": np.ones(2)}, {"grad.x": gradient})
    nodes = [_node("a", "negative", "x"), _node("b", "multiply", "x", "x")]
    document = vjp(_document([2], nodes, {"a": "a", "b": "b"}), ["a", "b"], ["x"])
    inputs = {"x": floats(3.0, 5.0), "cotangent.a": floats(1.0, 2.0), "cotangent.b": floats(10.0, 100.0)}
    yield _run("two_outputs", document, inputs, {"grad.x": floats(59.0, 998.0)})


def _guarded_logarithm() -> Iterator[Case]:
    """A choice does not hide a pole in what was not chosen: 0 · (1 / 0) is NaN. The operand has to be made safe."""
    mask = {"id": "mask", "dtype": "bool", "shape": [2]}
    numbers: list[dict[str, Any]] = [
        {"id": "zero", "op": "full", "dtype": "float64", "shape": [], "value": 0.0},
        {"id": "one", "op": "full", "dtype": "float64", "shape": [], "value": 1.0},
    ]
    plain = [_node("log", "log", "x"), _node("y", "where", "mask", "log", "zero")]
    safe = [
        _node("inner", "where", "mask", "x", "one"),
        _node("log", "log", "inner"),
        _node("y", "where", "mask", "log", "zero"),
    ]
    inputs = {"x": floats(0.0, 2.0), "mask": np.array([False, True]), "cotangent.y": np.ones(2)}
    for name, nodes, gradient in (
        ("unguarded_pole", plain, floats(math.nan, 0.5)),
        ("guarded_pole", safe, floats(0.0, 0.5)),
    ):
        document = vjp(_document([2], [*numbers, *nodes], {"y": "y"}, inputs=[mask]), ["y"], ["x"])
        yield _run(name, document, inputs, {"y": floats(0.0, math.log(2.0)), "grad.x": gradient})


def _symbolic_sizes() -> Case:
    """Dims that are expressions over the symbols of the inputs."""
    half = {"floordiv": ["n", 2]}
    nodes = [
        _node("front", "slice", "x", start=[0, 0], stop=[half, 3]),
        _node("flat", "reshape", "front", shape=[{"mul": [half, 3]}]),
        _node("rest", "slice", "x", start=[half, 0], stop=["n", 3]),
        _node("size", "dim_size", "rest", axis=0),
        {"id": "ramp", "op": "iota", "dtype": "float64", "shape": [{"add": [{"mod": ["n", 2]}, 1]}]},
    ]
    document = _document(["n", 3], nodes, {"flat": "flat", "size": "size", "ramp": "ramp"})
    expected = {"flat": np.arange(6.0), "size": np.array(3), "ramp": floats(0.0, 1.0)}
    wanted = {name: expected_json(array) for name, array in expected.items()}
    return run_case("program.symbolic_sizes", None, document, {"x": np.arange(15.0).reshape(5, 3)}, wanted)


def _constants() -> Case:
    """Constants as lists and as bytes, negative zeros and numbers that are not finite."""
    nodes = [
        {"id": "list", "op": "constant", "dtype": "float64", "shape": [4], "value": [-0.0, "inf", "-inf", "nan"]},
        {"id": "bytes", "op": "constant", "dtype": "int32", "shape": [2, 1], "value": {"base64": "/////wABAAA="}},
        {"id": "full", "op": "full", "dtype": "bool", "shape": [2], "value": True},
        _node("quotient", "divide", "x", "list"),
    ]
    outputs = {"list": "list", "bytes": "bytes", "full": "full", "quotient": "quotient"}
    expected = {
        "list": expected_json(floats(-0.0, math.inf, -math.inf, math.nan), signed_zeros=True),
        "bytes": expected_json(np.array([[-1], [256]], np.int32)),
        "full": expected_json(np.array([True, True])),
        "quotient": expected_json(floats(-math.inf, 0.0, -0.0, math.nan), signed_zeros=True),
    }
    return run_case("program.constants", None, _document([], nodes, outputs), {"x": _ONE}, expected)


def _dead_nodes() -> Case:
    """Nodes on which no output depends are allowed, as are metadata and a value that is returned twice."""
    nodes = [{**_node("y", "negative", "x"), "metadata": {"line": "3"}}, _node("unused", "log", "x")]
    document = _document([], nodes, {"y": "y", "again": "y", "x": "x"}, metadata={"author": {"name": "nobody"}})
    expected = {"y": np.array(-1.0), "again": np.array(-1.0), "x": _ONE}
    return _run("dead_nodes", document, {"x": _ONE}, expected)


def _functions() -> Case:
    """A function of several results, called for two sizes, one call within another; and the gradient through them."""
    parts = {
        "inputs": [{"id": "v", "dtype": "float64", "shape": ["rows", "columns"]}],
        "nodes": [_node("square", "multiply", "v", "v"), _node("total", "sum", "square", axis=[1])],
        "outputs": [{"name": "total", "value": "total"}, {"name": "square", "value": "square"}],
    }
    fourth = {
        "inputs": [{"id": "v", "dtype": "float64", "shape": ["n", "m"]}],
        "nodes": [
            _node("first", "call", "v", function="parts"),
            _node("second", "call", "first:1", function="parts"),
        ],
        "outputs": [{"name": "fourth", "value": "second"}],
    }
    nodes = [
        _node("y", "call", "x", function="fourth"),
        _node("column", "reshape", "y", shape=["n", 1]),
        _node("z", "call", "column", function="parts"),
        _node("loss", "sum", "y"),
    ]
    document = _document(
        ["n", 2], nodes, {"y": "y", "z": "z", "loss": "loss"}, functions={"parts": parts, "fourth": fourth}
    )
    x = np.array([[1.0, 2.0], [-1.0, 0.5], [0.0, 3.0]])
    y = np.sum(x**4, 1)
    expected = {"y": y, "z": y**2, "loss": np.asarray(np.sum(y)), "grad.x": 4 * x**3}
    return _run("functions", grad(document, of="loss", wrt=["x"]), {"x": x}, expected, 1000.0)


def _custom_gradient() -> Case:
    """Rounding whose gradient is three times that of the identity, because its function says so."""
    x = {"id": "v", "dtype": "float64", "shape": ["k"]}
    functions = {
        "round": {
            "inputs": [x],
            "nodes": [_node("r", "round", "v")],
            "outputs": [{"name": "r", "value": "r"}],
            "vjp": "three times",
        },
        "three times": {
            "inputs": [x, {**x, "id": "r"}, {**x, "id": "g"}],
            "nodes": [_node("two", "add", "g", "g"), _node("three", "add", "two", "g")],
            "outputs": [{"name": "cotangent", "value": "three"}],
        },
    }
    nodes = [_node("y", "call", "x", function="round"), _node("s", "multiply", "y", "y"), _node("loss", "sum", "s")]
    document = _document(["n"], nodes, {"loss": "loss"}, functions=functions)
    values = floats(0.25, 1.75, -2.5)
    rounded = np.round(values)
    expected = {"loss": np.asarray(np.sum(rounded**2)), "grad.x": 6 * rounded}
    return _run("custom_gradient", grad(document, of="loss", wrt=["x"]), {"x": values}, expected)
