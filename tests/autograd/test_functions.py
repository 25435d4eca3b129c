"""Functions through the transforms that compute no derivative, and bounds of what they expand to."""

import numpy as np
import pytest

from asg_autograd import (
    TransformError,
    checkpoint,
    diff,
    grad,
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
    vmap,
)
from asg_schema import Document, DocumentError
from asg_schema.composites.control import Call
from asg_schema.function import MOST_EXPANDED_NODES
from op_samples.sample import spread
from transform_harness.function_documents import (
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


def test_mapped_calls() -> None:
    mapped = vmap(layers(), {"x": 0}, size="examples")
    xs = spread(5, 4, 3)
    found = run(mapped, x=xs, w=W)
    for index in range(5):
        one = run(layers(), x=xs[index], w=W)
        assert_same({name: value[index] for name, value in found.items()}, one)


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
