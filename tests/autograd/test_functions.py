"""Functions through every transform, and gradients that functions give themselves."""

import numpy as np
import pytest

from asg_autograd import (
    NotDifferentiableError,
    TransformError,
    checkpoint,
    diff,
    grad,
    hessian_vector_product,
    jvp,
    linearize,
    lower,
    merge,
    prune,
    rename,
    simplification,
    simplify,
    specialize,
    split,
    vjp,
    vmap,
)
from asg_schema import Document, DocumentError
from asg_schema.composites.control import Call
from asg_schema.function import MOST_EXPANDED_NODES
from op_samples.sample import spread
from transform_harness.function_documents import (
    LAYER,
    TRIPLE,
    TRIPLE_VJP,
    W,
    X,
    assert_same,
    custom,
    custom_gradients,
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


def test_mapped_calls() -> None:
    mapped = vmap(layers(), {"x": 0}, size="examples")
    xs = spread(5, 4, 3)
    found = run(mapped, x=xs, w=W)
    for index in range(5):
        one = run(layers(), x=xs[index], w=W)
        assert_same({name: value[index] for name, value in found.items()}, one)


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


def test_one_function_is_mapped_over_different_operands_in_one_document() -> None:
    document = Document.from_dict(
        {
            "asg": 1,
            "inputs": [tensor("x", "batch", 3), tensor("z", "batch", 3), tensor("w", 3), tensor("u", 3)],
            "nodes": [
                node("a", "call", "x", "w", function="triple"),
                node("b", "call", "z", "u", function="triple"),
                node("y", "add", "a", "b"),
            ],
            "outputs": [{"name": "y", "value": "y"}],
            "functions": {"triple": TRIPLE, "triple.vjp": TRIPLE_VJP},
        }
    )
    mapped = vmap(document, {"x": 0, "u": 0})
    assert {"vmap(x).triple", "vmap(w).triple"} <= set(mapped.functions)
    x, z, w, u = spread(2, 4, 3), spread(4, 3), spread(3), spread(2, 3)
    np.testing.assert_allclose(run(mapped, x=x, z=z, w=w, u=u)["y"], np.round(x) * w + np.round(z) * u[:, None])


def test_lower_leaves_functions_with_a_vjp_unless_they_are_named() -> None:
    x, w = spread(4, 3), spread(3)
    lowered = lower(custom())
    assert [item.function_name for item in lowered.nodes if isinstance(item, Call)] == ["triple"]
    assert_same(run(grad(lowered, wrt=["x", "w"]), x=x, w=w), custom_gradients(x, w))
    inlined = lower(custom(), ops=["call"])
    assert not inlined.functions
    assert not any(isinstance(item, Call) for item in inlined.nodes)
    # With the function its gradient is gone, and a rounded value has none.
    np.testing.assert_array_equal(run(grad(inlined, wrt=["x"]), x=x, w=w)["grad.x"], np.zeros_like(x))


def test_every_other_transform_keeps_what_the_functions_say() -> None:
    x, w = spread(4, 3), spread(3)
    document = grad(custom(), wrt=["x", "w"])
    wanted = custom_gradients(x, w)
    assert_same(run(simplify(document), x=x, w=w), wanted)
    assert_same(run(specialize(document, batch=4), x=x, w=w), wanted)
    assert_same(run(checkpoint(document, keep=[]), x=x, w=w), wanted)
    parts = split(document)
    first = run(parts.forward, x=x, w=w)
    given = {name: first[name] for name in (item.id for item in parts.backward.inputs) if name in first}
    given |= {name: value for name, value in {"x": x, "w": w}.items() if name in parts.backward.types}
    assert_same(run(parts.backward, **given), {name: wanted[name] for name in ("grad.x", "grad.w")})
    assert set(prune(document, ["y"]).functions) == {"outer", "triple", "triple.vjp"}
    assert_same(run(prune(document, ["grad.x"]), x=x, w=w), {"grad.x": wanted["grad.x"]})
    linear = linearize(layers(), ["x"])
    assert "layer" in linear.forward.functions


def test_simplify_enters_functions() -> None:
    """Those that others call, and those by which they are differentiated, too; calls and names stay."""
    wordy = graph(
        [tensor("x", "n", 3), tensor("w", 3)],
        [
            {"id": "one", "op": "full", "dtype": "float64", "shape": [], "value": 1.0},
            node("same", "multiply", "x", "one"),
            node("unused", "exp", "x"),
            node("r", "round", "same"),
            node("y", "multiply", "r", "w"),
        ],
        "y",
        vjp="triple.vjp",
    )
    source = custom().to_dict()
    source["functions"]["triple"] = wordy
    pulled = source["functions"]["triple.vjp"]
    pulled["nodes"] = [node("copy", "permute_dims", "g", axes=[0, 1]), *pulled["nodes"]]
    pulled["nodes"][1]["inputs"] = ["copy", "g"]
    document = Document.from_dict(source)
    found = simplification(document)
    assert found.document.digest == custom().digest
    assert found.document == custom()
    assert found.applied == {"dead": 1, "multiply_by_one": 1, "permutation": 1}
    x, w = spread(4, 3), spread(3)
    derived = grad(document, wrt=["x", "w"])
    assert_same(run(simplify(derived), x=x, w=w), custom_gradients(x, w))
    assert simplify(simplify(derived)) == simplify(derived)


def test_rename_changes_the_names_of_functions_and_calls_follow() -> None:
    renamed = rename(custom(), {"triple": "thrice", "outer": "shell"})
    assert set(renamed.functions) == {"thrice", "triple.vjp", "shell"}
    assert renamed.digest == custom().digest
    assert Document.from_json(renamed.to_json()) == renamed
    with pytest.raises(TransformError, match='"triple" cannot become "outer": "outer" has that name of a function'):
        rename(custom(), {"triple": "outer"})
    with pytest.raises(TransformError, match="a name has 1 to 255 characters"):
        rename(custom(), {"triple": ""})


def test_merge_keeps_different_functions_of_one_name_apart() -> None:
    first = prune(layers(), ["b"])
    source = prune(layers(), ["b"]).to_dict()
    source["functions"]["layer"]["nodes"][1]["op"] = "sin"
    second = Document.from_dict(source)
    merged = merge(first, second, {"x": "b"}, prefix="second.", share=["w"])
    assert set(merged.functions) == {"layer", "layer_1"}
    inner = run(first, x=X, w=W)["b"]
    assert_same(run(merged, x=X, w=W), {"b": inner, "second.b": run(second, x=inner, w=W)["b"]})
    same = merge(first, first, {"x": "b"}, prefix="second.", share=["w"])
    assert set(same.functions) == {"layer"}


def test_diff_tells_a_call_whose_function_changed() -> None:
    source = layers().to_dict()
    source["functions"]["layer"]["nodes"][1]["op"] = "sin"
    found = diff(layers(), Document.from_dict(source))
    assert not found.same
    assert [change.name for change in found.nodes] == ["a", "b"]
    assert all("function=layer" in str(change.before) and change.before != change.after for change in found.nodes)
    assert diff(layers(), rename(layers(), {"layer": "block"})).same


def exponential(levels: int) -> Document:
    """f0 is a node; each further function calls the one before it twice."""
    functions = {"f0": graph([tensor("x", "n")], [node("y", "sin", "x")], "y")}
    for level in range(1, levels):
        calls = [node("a", "call", "x", function=f"f{level - 1}"), node("y", "call", "a", function=f"f{level - 1}")]
        functions[f"f{level}"] = graph([tensor("x", "n")], calls, "y")
    return Document.from_dict(
        {
            "asg": 1,
            "inputs": [tensor("x", 2)],
            "nodes": [node("y", "call", "x", function=f"f{levels - 1}"), node("loss", "sum", "y")],
            "outputs": [{"name": "loss", "value": "loss"}],
            "functions": functions,
        }
    )


def test_what_nobody_could_expand_is_refused_at_once() -> None:
    document = exponential(60)
    for transform in (
        lambda: lower(document),
        lambda: grad(document, wrt=["x"]),
        lambda: jvp(document, ["x"]),
        lambda: vmap(document),
    ):
        with pytest.raises(TransformError, match=f"at most {MOST_EXPANDED_NODES:,}"):
            transform()
    assert simplify(document).digest == document.digest


def test_calls_nested_64_deep_go_through_every_transform() -> None:
    functions = {"f0": graph([tensor("x", "n")], [node("y", "sin", "x")], "y", vjp="v")}
    functions["v"] = graph([tensor("x", "n"), tensor("y", "n"), tensor("g", "n")], [node("gx", "add", "g", "g")], "gx")
    for level in range(1, 63):
        functions[f"f{level}"] = graph([tensor("x", "n")], [node("y", "call", "x", function=f"f{level - 1}")], "y")
    document = Document.from_dict(
        {
            "asg": 1,
            "inputs": [tensor("x", 2)],
            "nodes": [node("y", "call", "x", function="f62"), node("loss", "sum", "y")],
            "outputs": [{"name": "loss", "value": "loss"}],
            "functions": functions,
        }
    )
    x = spread(2)
    np.testing.assert_allclose(run(document, x=x)["loss"], np.sum(np.sin(x)))
    np.testing.assert_array_equal(run(grad(document, wrt=["x"]), x=x)["grad.x"], [2.0, 2.0])
    np.testing.assert_array_equal(run(vmap(grad(document, wrt=["x"])), x=spread(3, 2))["grad.x"], np.full((3, 2), 2.0))
    np.testing.assert_allclose(run(lower(document, ops="call"), x=x)["loss"], np.sum(np.sin(x)))
    deeper = document.to_dict()
    deeper["functions"]["f63"] = graph([tensor("x", "n")], [node("y", "call", "x", function="f62")], "y")
    with pytest.raises(DocumentError, match="nested 65 deep"):
        Document.from_dict(deeper)
