"""Samples of calls."""

from typing import Any

import numpy as np

from asg_schema.any_op import Function
from asg_schema.composites.control import Call
from asg_schema.function import LinkedFunction
from asg_schema.linking import link_functions
from op_samples.sample import Array, Reference, Sample, spread


def function_input(id: str, *shape: Any, dtype: str = "float64") -> dict[str, Any]:
    """An input of a function as JSON has it."""
    return {"id": id, "dtype": dtype, "shape": list(shape)}


def function_node(id: str, op: str, *inputs: str, **attributes: Any) -> dict[str, Any]:
    """A node of a function as JSON has it."""
    return {"id": id, "op": op, "inputs": list(inputs), **attributes}


def function(
    inputs: list[dict[str, Any]], nodes: list[dict[str, Any]], *outputs: str, vjp: str | None = None
) -> dict[str, Any]:
    """A function as JSON has it; its outputs are called like the values."""
    source = {"inputs": inputs, "nodes": nodes, "outputs": [{"name": value, "value": value} for value in outputs]}
    return source if vjp is None else {**source, "vjp": vjp}


def linked(name: str, **functions: dict[str, Any]) -> LinkedFunction:
    """One of several functions, ready to be called."""
    found, faults = link_functions({key: Function.model_validate(source) for key, source in functions.items()})
    assert not faults
    return found[name]


_X = function_input("x", "n", "m")
_SQUARE = function([function_input("x")], [function_node("y", "multiply", "x", "x")], "y")
_AFFINE = function(
    [_X, function_input("w", "m")],
    [function_node("t", "tanh", "x"), function_node("y", "multiply", "t", "w")],
    "y",
)
_SEVERAL = function(
    [_X],
    [
        function_node("square", "multiply", "x", "x"),
        function_node("total", "sum", "square", axis=[1]),
        function_node("sign", "greater", "x", "square"),
        function_node("place", "argmax", "x", axis=1),
    ],
    *("square", "total", "sign", "place", "x"),
)
_FLAT = function(
    [function_input("x", "n", "m")],
    [
        function_node("flat", "reshape", "x", shape=[{"mul": ["n", "m"]}]),
        {"id": "ramp", "op": "iota", "dtype": "float64", "shape": [{"mul": ["n", "m"]}]},
        function_node("y", "multiply", "flat", "ramp"),
    ],
    "y",
)
_TWICE = function(
    [function_input("a", "k")],
    [function_node("b", "call", "a", function="shift"), function_node("c", "call", "b", function="shift")],
    *("b", "c"),
)
_SHIFT = function(
    [function_input("x", "n")], [function_node("s", "sin", "x"), function_node("y", "add", "x", "s")], "y"
)
_SELECT = function(
    [
        function_input("mask", "n", dtype="bool"),
        function_input("index", "n", dtype="int32"),
        function_input("x", "n"),
    ],
    [
        function_node("number", "astype", "index", dtype="float64"),
        function_node("y", "where", "mask", "x", "number"),
        function_node("not", "logical_not", "mask"),
    ],
    *("y", "not"),
)


def _affine(x: Array, w: Array) -> Array:
    return np.tanh(x) * w


def _several(x: Array) -> tuple[Array, ...]:
    return x**2, np.sum(x**2, 1), x > x**2, np.argmax(x, 1), x + 0.0


def _shifted(x: Array) -> Array:
    return x + np.sin(x)


def _selected(mask: Array, index: Array, x: Array) -> tuple[Array, ...]:
    return np.where(mask, x, index.astype(np.float64)), np.logical_not(mask)


def _sample(name: str, called: LinkedFunction, operands: tuple[Array, ...], reference: Reference) -> Sample:
    # What is given has the dtypes of the function's inputs.
    return Sample(f"call.{name}", Call, operands, {"function": called}, reference, of_its_dtype=True)


SAMPLES: list[Sample] = [
    _sample("one_result", linked("f", f=_AFFINE), (spread(2, 3), spread(3)), _affine),
    _sample("several_results", linked("f", f=_SEVERAL), (spread(4, 3),), _several),
    _sample("rank_0", linked("square", square=_SQUARE), (np.array(-1.5),), lambda x: x * x),
    _sample("symbols", linked("f", f=_FLAT), (spread(2, 5),), lambda x: x.reshape(10) * np.arange(10.0)),
    _sample("empty", linked("f", f=_AFFINE), (spread(0, 3), spread(3)), _affine),
    _sample(
        "nested",
        linked("twice", twice=_TWICE, shift=_SHIFT),
        (spread(4),),
        lambda x: (_shifted(x), _shifted(_shifted(x))),
    ),
    _sample(
        "dtypes",
        linked("f", f=_SELECT),
        (np.array([True, False, True]), np.array([4, -2, 0], np.int32), spread(3)),
        _selected,
    ),
]
