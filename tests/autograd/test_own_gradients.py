"""Gradients that functions give themselves: taken, transposed for tangents, and mapped."""

import numpy as np
import pytest

from asg_autograd import (
    NotDifferentiableError,
    grad,
    hessian_vector_product,
    jvp,
    vjp,
    vmap,
)
from asg_schema import Document
from asg_schema.composites.control import Call
from op_samples.sample import spread
from transform_harness.function_documents import (
    assert_same,
    custom,
    custom_gradients,
    graph,
    node,
    run,
    tensor,
)


def test_a_functions_own_gradient_is_taken_and_its_nodes_are_not() -> None:
    x, w = spread(4, 3), spread(3)
    document = grad(custom(), wrt=["x", "w"])
    assert_same(run(document, x=x, w=w), custom_gradients(x, w))
    of_outer = document.functions["grad(v,w).outer"]
    assert "triple.vjp" in [item.function_name for item in of_outer.nodes if isinstance(item, Call)]


def test_a_cotangent_that_is_missing_is_zero() -> None:
    pair = graph([tensor("x", "n")], [node("a", "sin", "x"), node("b", "cos", "x")], "a", "b", vjp="pair.vjp")
    pulled = graph(
        [tensor("x", "n"), tensor("a", "n"), tensor("b", "n"), tensor("ga", "n"), tensor("gb", "n")],
        [node("scaled", "multiply", "ga", "x"), node("g", "subtract", "scaled", "gb")],
        "g",
    )
    document = Document.from_dict(
        {
            "asg": 1,
            "inputs": [tensor("x", 3)],
            "nodes": [node("p", "call", "x", function="pair"), node("loss", "sum", "p")],
            "outputs": [{"name": "loss", "value": "loss"}],
            "functions": {"pair": pair, "pair.vjp": pulled},
        }
    )
    x = spread(3)
    np.testing.assert_allclose(run(grad(document, wrt=["x"]), x=x)["grad.x"], x)


def test_integer_operands_have_no_cotangent() -> None:
    index = {"id": "i", "dtype": "int64", "shape": ["k"]}
    pick = graph(
        [index, tensor("x", "n")], [node("y", "take", "x", "i", axis=0), node("j", "add", "i", "i")], "y", "j", vjp="v"
    )
    pulled = graph(
        [index, tensor("x", "n"), tensor("y", "k"), {**index, "id": "j"}, tensor("g", "k")],
        [node("zero", "subtract", "x", "x"), node("gx", "index_add", "zero", "i", "g", axis=0)],
        "gx",
    )
    document = Document.from_dict(
        {
            "asg": 1,
            "inputs": [index, tensor("x", "n")],
            "nodes": [node("p", "call", "i", "x", function="pick"), node("loss", "sum", "p")],
            "outputs": [{"name": "loss", "value": "loss"}],
            "functions": {"pick": pick, "v": pulled},
        }
    )
    found = run(grad(document, wrt=["x"]), x=spread(4), i=np.array([1, 1, 3]))
    np.testing.assert_array_equal(found["grad.x"], [0.0, 2.0, 0.0, 1.0])


def test_the_gradient_of_a_gradient_goes_through_the_nodes_of_the_vjp() -> None:
    # y = x³ whose vjp answers 5·x²·g: the second derivative of y is then 10·x.
    cube = graph([tensor("x")], [node("x2", "multiply", "x", "x"), node("y", "multiply", "x2", "x")], "y", vjp="v")
    pulled = graph(
        [tensor("x"), tensor("y"), tensor("g")],
        [
            {"id": "five", "op": "full", "dtype": "float64", "shape": [], "value": 5.0},
            node("x2", "multiply", "x", "x"),
            node("slope", "multiply", "x2", "five"),
            node("gx", "multiply", "slope", "g"),
        ],
        "gx",
    )
    document = Document.from_dict(
        {
            "asg": 1,
            "inputs": [tensor("x")],
            "nodes": [node("y", "call", "x", function="cube")],
            "outputs": [{"name": "y", "value": "y"}],
            "functions": {"cube": cube, "v": pulled},
        }
    )
    second = grad(grad(document, of="y", wrt=["x"]), of="grad.x", wrt=["x"])
    found = run(second, x=np.array(2.0))
    assert (found["y"], found["grad.x"], found["grad2.x"]) == (8.0, 20.0, 20.0)


def test_tangents_of_a_functions_own_gradient_are_its_transposition() -> None:
    """For each tangent v and cotangent g, <g, J v> = <vjp(g), v>."""
    generator = np.random.default_rng(0)
    x, w = spread(4, 3), spread(3)
    moves = {"tangent.x": generator.standard_normal((4, 3)), "tangent.w": generator.standard_normal(3)}
    pushed = run(jvp(custom(), ["x", "w"], "y"), x=x, w=w, **moves)["tangent.y"]
    g = generator.standard_normal((4, 3))
    pulled = run(vjp(custom(), "y", ["x", "w"]), x=x, w=w, **{"cotangent.y": g})
    expected = np.sum(pulled["grad.x"] * moves["tangent.x"]) + np.sum(pulled["grad.w"] * moves["tangent.w"])
    np.testing.assert_allclose(np.sum(pushed * g), expected)
    assert abs(expected) > 0.1


def test_hessian_vector_products_go_through_functions_with_a_gradient_of_their_own() -> None:
    source = own_gradient(node("two", "add", "g", "g"), node("p", "multiply", "two", "x"), answer="p").to_dict()
    source["nodes"] += [node("q", "multiply", "y", "y"), node("loss", "sum", "q")]
    source["outputs"] = [{"name": "loss", "value": "loss"}]
    x, v = spread(3), spread(3, low=-1.0)
    product = hessian_vector_product(Document.from_dict(source), wrt=["x"])
    np.testing.assert_allclose(run(product, x=x, **{"tangent.x": v})["hvp.x"], 12 * x**2 * v)


def own_gradient(*nodes: dict[str, object], answer: str) -> Document:
    """y = x², whose `vjp` is given as nodes over x, y and g."""
    square = graph([tensor("x", "n")], [node("y", "multiply", "x", "x")], "y", vjp="v")
    pulled = {
        "inputs": [tensor(id, "n") for id in "xyg"],
        "nodes": list(nodes),
        "outputs": [{"name": "gx", "value": answer}],
    }
    return Document.from_dict(
        {
            "asg": 1,
            "inputs": [tensor("x", 3)],
            "nodes": [node("y", "call", "x", function="square")],
            "outputs": [{"name": "y", "value": "y"}],
            "functions": {"square": square, "v": pulled, "half": HALF},
        }
    )


HALF = graph(
    [tensor("v", "n")],
    [{"id": "c", "op": "full", "dtype": "float64", "shape": [], "value": 0.5}, node("h", "multiply", "v", "c")],
    "h",
)


def test_a_vjp_that_calls_a_function_is_transposed_too() -> None:
    document = own_gradient(node("h", "call", "g", function="half"), node("p", "multiply", "h", "x"), answer="p")
    x, v = spread(3), spread(3, low=-1.0)
    found = run(jvp(document, ["x"]), x=x, **{"tangent.x": v})
    np.testing.assert_allclose(found["tangent.y"], 0.5 * x * v)
    # Once more forward: the derivative of x · v / 2 by x.
    twice = jvp(jvp(document, ["x"]), ["x"], "tangent.y")
    found = run(twice, x=x, **{"tangent.x": v, "tangent2.x": v})
    np.testing.assert_allclose(found["tangent.tangent.y"], 0.5 * v * v)


@pytest.mark.parametrize(
    ("nodes", "answer", "said"),
    [
        ([node("p", "multiply", "g", "g")], "p", "is no linear function of the cotangents"),
        ([{**node("p", "clip", "g"), "min": -1.0}], "p", "is no linear function of the cotangents"),
        ([node("p", "sign", "g")], "p", 'sign ("p") depends on them'),
        ([node("s", "stop_gradient", "g")], "s", 'stop_gradient ("s") depends on them'),
    ],
    ids=["product", "clip", "sign", "stop_gradient"],
)
def test_a_tangent_is_refused_where_the_vjp_is_not_linear(
    nodes: list[dict[str, object]], answer: str, said: str
) -> None:
    document = own_gradient(*nodes, answer=answer)
    with pytest.raises(NotDifferentiableError) as caught:
        jvp(document, ["x"])
    assert said in str(caught.value)
    assert '"y" (call)' in str(caught.value)


def test_gradients_of_each_example_are_those_that_the_functions_say() -> None:
    x, w = spread(5, 4, 3), spread(3)
    found = run(vmap(grad(custom(), wrt=["x", "w"]), {"x": 0}), x=x, w=w)
    for index in range(5):
        assert_same({name: value[index] for name, value in found.items()}, custom_gradients(x[index], w))


@pytest.mark.parametrize("size", ["examples", 5])
def test_a_mapped_call_keeps_its_gradient(size: str | int) -> None:
    x, w = spread(5, 4, 3), spread(3)
    mapped = vmap(custom(), {"x": 0}, size=size)
    assert "vmap(x).triple" in mapped.functions
    each = [custom_gradients(example, w) for example in x]
    found = run(vjp(mapped, ["loss"], ["x", "w"]), x=x, w=w, **{"cotangent.loss": np.ones(5)})
    np.testing.assert_allclose(found["grad.x"], np.stack([one["grad.x"] for one in each]))
    # The examples share w.
    np.testing.assert_allclose(found["grad.w"], sum(one["grad.w"] for one in each))


def test_a_call_that_is_mapped_twice_keeps_its_gradient() -> None:
    x, w = spread(2, 5, 4, 3), spread(5, 3)
    mapped = vmap(vmap(custom(), {"x": 0, "w": 0}), {"x": 0})
    found = run(vjp(mapped, ["loss"], ["x", "w"]), x=x, w=w, **{"cotangent.loss": np.ones((2, 5))})
    each = [[custom_gradients(x[i, j], w[j]) for j in range(5)] for i in range(2)]
    np.testing.assert_allclose(found["grad.x"], [[one["grad.x"] for one in row] for row in each])
    np.testing.assert_allclose(found["grad.w"], np.sum([[one["grad.w"] for one in row] for row in each], 0))
