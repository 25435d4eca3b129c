"""Derivatives of calls: gradients and tangents, of any order, as of the nodes that the functions stand for."""

import numpy as np
import pytest

from asg_autograd import (
    grad,
    hessian_vector_product,
    jvp,
    lower,
    vjp,
)
from asg_schema import Document
from asg_schema.composites.control import Call
from op_samples.sample import spread
from transform_harness.function_documents import (
    LAYER,
    W,
    X,
    assert_same,
    graph,
    layers,
    node,
    run,
    tensor,
)


def test_a_call_is_differentiated_as_its_nodes_are() -> None:
    inlined = lower(layers(), ops="call")
    assert not any(isinstance(item, Call) for item in inlined.nodes)
    assert not inlined.functions
    assert_same(run(grad(layers(), wrt=["x", "w"]), x=X, w=W), run(grad(inlined, wrt=["x", "w"]), x=X, w=W))


def test_forward_nodes_stay_calls_in_a_gradient_document() -> None:
    document = grad(layers(), wrt=["x", "w"])
    assert document.nodes[:4] == layers().nodes
    assert [item.name for item in document.nodes[4:]].count("call") == 2
    assert list(document.functions) == ["layer", "grad(x,w of s).layer", "grad(x,w).layer"]


@pytest.mark.parametrize("order", [2, 3])
def test_higher_orders(order: int) -> None:
    document, inlined = layers(), lower(layers())
    of = "loss"
    for _ in range(order):
        document, inlined = vjp(document, [of], ["x"]), vjp(inlined, [of], ["x"])
        of = "grad.x" if of == "loss" else "grad2.x"
    cotangents = {item.id: spread(4, 3) for item in document.inputs if item.id.startswith("cotangent.grad")}
    given = {"x": X, "w": W, "cotangent.loss": np.array(1.0), **cotangents}
    assert_same(run(document, **given), run(inlined, **given))


def test_tangents_and_hessian_vector_products() -> None:
    inlined = lower(layers())
    given = {"x": X, "w": W, "tangent.x": spread(4, 3, low=-1.0)}
    assert_same(run(jvp(layers(), ["x"]), **given), run(jvp(inlined, ["x"]), **given))
    assert_same(
        run(hessian_vector_product(layers(), wrt=["x"]), **given),
        run(hessian_vector_product(inlined, wrt=["x"]), **given),
    )


def blocks(count: int) -> Document:
    """So many calls of one function, each with weights of its own."""
    weights = [tensor(f"w{index}", 3, 3) for index in range(count)]
    calls = [
        node(f"b{index}", "call", f"b{index - 1}" if index else "x", f"w{index}", function="layer")
        for index in range(count)
    ]
    return Document.from_dict(
        {
            "asg": 1,
            "inputs": [tensor("x", "batch", 3), *weights],
            "nodes": [*calls, node("loss", "sum", f"b{count - 1}:1")],
            "outputs": [{"name": "loss", "value": "loss"}],
            "functions": {"layer": LAYER},
        }
    )


def test_twelve_calls_of_a_function_are_twelve_calls_of_its_gradient() -> None:
    document = blocks(12)
    names = [f"w{index}" for index in range(12)]
    given = {"x": spread(4, 3), **{name: spread(3, 3) * 0.3 for name in names}}
    derived = grad(document, wrt=names)
    assert len(derived.nodes) < 13 + 15
    assert set(derived.functions) == {*("layer", "grad(x,w of s).layer", "grad(x,w of y).layer", "grad(w of y).layer")}
    assert_same(run(derived, **given), run(grad(lower(document), wrt=names), **given))
    # Of a gradient of the gradient, and of its tangents, too, there is each function once.
    second = vjp(derived, ["grad.w3"], ["w5"])
    assert len(second.nodes) < 100
    cotangent = {"cotangent.grad.w3": spread(3, 3)}
    expected = run(vjp(grad(lower(document), wrt=names), ["grad.w3"], ["w5"]), **given, **cotangent)
    assert_same(run(second, **given, **cotangent), expected)
    product = hessian_vector_product(document, wrt=["w3"])
    assert len(product.nodes) < 100
    assert Document.from_json(product.to_json()).digest == product.digest
    moves = {"tangent.w3": spread(3, 3)}
    expected = run(hessian_vector_product(lower(document), wrt=["w3"]), **given, **moves)
    assert_same(run(product, **given, **moves), expected)


def test_stop_gradient_holds_within_functions() -> None:
    stopped = graph([tensor("x", "n")], [node("s", "stop_gradient", "x"), node("y", "multiply", "x", "s")], "y")
    document = Document.from_dict(
        {
            "asg": 1,
            "inputs": [tensor("x", 3)],
            "nodes": [node("y", "call", "x", function="stopped"), node("loss", "sum", "y")],
            "outputs": [{"name": "loss", "value": "loss"}],
            "functions": {"stopped": stopped},
        }
    )
    x = spread(3)
    np.testing.assert_array_equal(run(grad(document, wrt=["x"]), x=x)["grad.x"], x)
