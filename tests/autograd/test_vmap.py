"""`vmap`: what is mapped where, names, roles, ensembles, and what is refused."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

import asg_builder as asg
from asg_autograd import InAxis, TransformError, grad, prune, vmap
from asg_builder import losses, nn
from asg_executor import Session
from asg_schema.document import Document
from asg_schema.initializers import Normal, Uniform
from asg_schema.roles import GradientRole, MetricRole, StateUpdateRole
from op_samples.sample import Array

Run = Callable[[Document, Mapping[str, Any], Sequence[str]], dict[str, Array]]

MODEL = Document.from_dict(
    {
        "asg": 1,
        "name": "model",
        "inputs": [
            {"id": "x", "dtype": "float64", "shape": ["batch", 3]},
            {"id": "scale", "dtype": "float64", "shape": []},
            {"id": "key", "dtype": "uint32", "shape": [2], "role": {"kind": "rng_key"}},
        ],
        "parameters": [
            {"id": "weight", "dtype": "float64", "shape": [3, 2], "init": {"kind": "xavier_uniform"}},
            {"id": "count", "dtype": "float64", "shape": [], "trainable": False},
        ],
        "nodes": [
            {"id": "one", "op": "full", "dtype": "float64", "shape": [], "value": 1},
            {"id": "next", "op": "add", "inputs": ["count", "one"], "metadata": {"why": "counted"}},
            {"id": "product", "op": "matmul", "inputs": ["x", "weight"], "metadata": {"layer": "first"}},
            {"id": "scaled", "op": "multiply", "inputs": ["product", "scale"]},
            {"id": "loss", "op": "mean", "inputs": ["scaled"]},
            {"id": "dead", "op": "exp", "inputs": ["scaled"]},
        ],
        "outputs": [
            {"name": "scaled", "value": "scaled"},
            {"name": "loss", "value": "loss", "role": {"kind": "metric"}},
            {"name": "next", "value": "next", "role": {"kind": "state_update", "of": "count"}},
        ],
    }
)


def type_of(document: Document, output: str) -> str:
    return next(str(document.types[item.value]) for item in document.outputs if item.name == output)


def test_every_input_but_keys_is_mapped_at_the_front() -> None:
    mapped = vmap(MODEL)
    assert [str(item.type) for item in mapped.inputs] == [
        "float64[examples, batch, 3]",
        "float64[examples]",
        "uint32[2]",
    ]
    assert mapped.parameters == MODEL.parameters
    assert (type_of(mapped, "scaled"), type_of(mapped, "loss")) == ("float64[examples, batch, 2]", "float64[examples]")
    assert mapped.name == "model"


def test_what_is_not_named_is_shared_and_axes_count_from_either_end() -> None:
    mapped = vmap(MODEL, {"x": -1}, size=5, out_axes={"scaled": 1, "loss": -1})
    assert [str(item.type) for item in mapped.inputs] == ["float64[batch, 3, 5]", "float64[]", "uint32[2]"]
    assert (type_of(mapped, "scaled"), type_of(mapped, "loss")) == ("float64[batch, 5, 2]", "float64[5]")


def test_nodes_keep_their_ids_and_what_no_example_depends_on_stays_as_it_is() -> None:
    mapped = vmap(MODEL)
    by_id = {node.id: node for node in mapped.nodes}
    assert [id for id in by_id if not id.startswith("vmap.")] == ["one", "next", "product", "scaled", "loss"]
    assert (by_id["one"], by_id["next"]) == (MODEL.nodes[0], MODEL.nodes[1])
    assert by_id["product"].metadata == {"layer": "first"}
    assert [id for id in by_id if id.startswith("vmap.")] == ["vmap.scaled.reshape"]
    again = vmap(mapped, {"scale": 0})
    assert {node.id.partition(".")[0] for node in again.nodes if "." in node.id} <= {"vmap", "vmap2"}


def test_an_output_on_which_no_example_depends_is_repeated_unless_it_has_no_place(run: Run) -> None:
    document = Document.from_json(MODEL.to_json().replace('"value": "scaled"', '"value": "product"'))
    point = {"x": np.ones((2, 3)), "scale": np.arange(3.0), "weight": np.ones((3, 2)), "count": 0.0, "key": [0, 0]}
    repeated = vmap(document, {"scale": 0})
    assert type_of(repeated, "scaled") == "float64[examples, batch, 2]"
    found = run(repeated, point, ["scaled"])["scaled"]
    np.testing.assert_array_equal(found, np.full((3, 2, 2), 3.0))
    between = vmap(document, {"scale": 0}, out_axes={"scaled": 1})
    np.testing.assert_array_equal(run(between, point, ["scaled"])["scaled"], np.full((2, 3, 2), 3.0))
    assert type_of(vmap(document, {"scale": 0}, out_axes={"scaled": None}), "scaled") == "float64[batch, 2]"


def test_an_output_may_be_an_input(run: Run) -> None:
    inputs = [{"id": name, "dtype": "float32", "shape": [2]} for name in ("a", "b")]
    outputs = [{"name": name, "value": name} for name in ("a", "b")]
    document = Document.from_dict({"asg": 1, "inputs": inputs, "outputs": outputs})
    mapped = vmap(document, {"a": 1}, out_axes={"a": 1, "b": None})
    a, b = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(2, np.float32)
    found = run(mapped, {"a": a, "b": b}, ["a", "b"])
    np.testing.assert_array_equal(found["a"], a)
    np.testing.assert_array_equal(found["b"], b)


def test_the_symbol_is_the_first_that_is_free() -> None:
    once = vmap(MODEL)
    twice = vmap(once, {"x": 0})
    assert str(twice.inputs[0].type) == "float64[examples2, examples, batch, 3]"
    assert str(vmap(twice, {"x": 0}, size="members").inputs[0].type).startswith("float64[members, ")


def test_roles_stay_but_gradients_of_each_example_are_values() -> None:
    mapped = vmap(grad(MODEL, wrt=["weight", "scale"]), {"x": 0})
    roles = {item.name: item.role for item in mapped.outputs}
    assert isinstance(roles["loss"], MetricRole)
    assert isinstance(roles["next"], StateUpdateRole)
    assert type_of(mapped, "next") == "float64[]"
    assert roles["grad.weight"] is None
    assert type_of(mapped, "grad.weight") == "float64[examples, 3, 2]"


def test_a_gradient_keeps_its_role_where_what_it_is_by_is_mapped_alike() -> None:
    document = grad(MODEL, wrt=["weight", "scale"])
    mapped = vmap(document, {"weight": 2, "scale": 0}, size=4)
    roles = {item.name: item.role for item in mapped.outputs}
    assert roles["grad.weight"] == GradientRole(of="loss", wrt="weight")
    assert roles["grad.scale"] == GradientRole(of="loss", wrt="scale")
    assert type_of(mapped, "grad.weight") == "float64[3, 2, 4]"
    elsewhere = vmap(document, {"weight": 2}, size=4, out_axes={"grad.weight": 0})
    assert next(item.role for item in elsewhere.outputs if item.name == "grad.weight") is None


def test_state_that_all_examples_share_is_updated_alike_or_not_at_all() -> None:
    with asg.graph("normalised") as g:
        x = asg.input("x", ("batch", 3))
        g.output(loss=asg.mean(nn.BatchNorm1d(3, name="norm")(x)))
    document = g.document()
    with pytest.raises(TransformError) as caught:
        vmap(document)
    update = next(item for item in document.outputs if item.name == "update.norm.running_mean")
    assert isinstance(update.role, StateUpdateRole)
    assert str(caught.value) == (
        f'output "{update.name}" would update the parameter "{update.role.of}", which all examples share, with a value '
        "for each of them; prune this output, or map the parameter too"
    )
    assert type_of(vmap(prune(document, "loss")), "loss") == "float32[examples]"
    states = [item.role.of for item in document.outputs if isinstance(item.role, StateUpdateRole)]
    mapped = vmap(document, {"x": 0, **dict.fromkeys(states, -1)}, size=6)
    for item in mapped.outputs:
        if isinstance(item.role, StateUpdateRole):
            assert mapped.types[item.value] == mapped.types[item.role.of]


def regression() -> Document:
    with asg.graph("regression") as g:
        x, target = asg.input("x", ("batch", 3)), asg.input("target", ("batch", 1))
        y = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1), name="net")(x)
        g.output(loss=losses.mse(y, target))
    return g.document()


def test_an_ensemble_is_trained_like_its_members() -> None:
    """Four members with weights of their own take the steps that each would take by itself."""
    document = grad(regression())
    names = [parameter.id for parameter in document.parameters]
    ensemble = vmap(document, dict.fromkeys(names, 0), size=4)
    optimizer = {"kind": "adam", "learning_rate": 0.05}
    together = Session({"train": ensemble}, optimizer, seed=3)
    first = {name: np.array(value) for name, value in together.parameters().items()}
    assert all(len(np.unique(first[name].reshape(4, -1), axis=0)) == 4 for name in names if "weight" in name)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(16, 3)).astype(np.float32)
    inputs = {"x": x, "target": np.sin(x.sum(axis=1, keepdims=True))}
    found = [together.step(inputs)["loss"] for _ in range(10)]
    assert np.all(found[-1] < found[0])
    for member in range(4):
        values = {name: first[name][member] for name in names}
        alone = Session({"train": document}, optimizer, parameters=values)
        expected = [alone.step(inputs)["loss"] for _ in range(10)]
        np.testing.assert_allclose([losses_of[member] for losses_of in found], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("init", "expected"),
    [
        ({"kind": "xavier_uniform", "gain": 2}, Uniform(low=-2 * 0.5, high=2 * 0.5)),  # √(6 / (4 + 20))
        ({"kind": "xavier_normal"}, Normal(std=(2 / 24) ** 0.5)),
        ({"kind": "kaiming_uniform", "nonlinearity": "relu"}, Uniform(low=-(1.5**0.5), high=1.5**0.5)),
        ({"kind": "kaiming_normal", "mode": "fan_out", "nonlinearity": "tanh"}, Normal(std=5 / 3 / 20**0.5)),
        ({"kind": "kaiming_normal", "a": 1}, Normal(std=0.5)),
    ],
)
def test_fans_are_those_of_a_member(init: dict[str, Any], expected: Uniform | Normal) -> None:
    parameters = [{"id": "w", "dtype": "float64", "shape": [10, 2, 2], "init": init}]
    outputs = [{"name": "y", "value": "w"}]
    mapped = vmap(Document.from_dict({"asg": 1, "parameters": parameters, "outputs": outputs}), {"w": 1}, size=3)
    assert mapped.parameters[0].shape == (10, 3, 2, 2)
    found = mapped.parameters[0].init
    assert found.kind == expected.kind
    for name, value in expected.model_dump(exclude={"kind", "zero_row"}).items():
        assert getattr(found, name) == pytest.approx(value)


@pytest.mark.parametrize(
    ("in_axes", "arguments", "message"),
    [
        ({"y": 0}, {}, 'in_axes: "y" is not the name of an input or a parameter; the inputs are "x", "scale", "key"'),
        ({"scal": 0}, {}, 'in_axes: "scal" is not the name of an input or a parameter; did you mean "scale"?'),
        ({"loss": 0}, {}, 'in_axes: "loss" is the result of a node, not an input or a parameter'),
        (
            {"x": 3},
            {},
            'in_axes: "x" float64[batch, 3] cannot get a new axis 3; a place from -3 to 2 is needed',
        ),
        (
            {"x": "1"},
            {},
            "in_axes: \"x\" is given '1'; the place of the new axis is needed, an integer",
        ),
        ({"x": None}, {}, "in_axes maps nothing; name an input or a parameter and the place of its new axis"),
        ({}, {}, "in_axes maps nothing; name an input or a parameter and the place of its new axis"),
        ({"x": "split"}, {}, 'in_axes: "x" float64[batch, 3] is no random key; only uint32[2] is split'),
        (
            {"x": 0},
            {"size": "batch"},
            'size: the document already has the symbol "batch", and the mapped axis is another; take a symbol that it '
            'does not have, such as "examples", or a number',
        ),
        ({"x": 0}, {"size": 0}, "size is 0; at least 1 is needed"),
        (
            {"weight": 0},
            {},
            'the parameter "weight" is mapped, and the shapes of parameters are numbers: give size as an integer',
        ),
        (
            {"key": "split"},
            {},
            'no input has the mapped axis, so that nothing would tell the symbol "examples": give size as an integer',
        ),
        ({"x": 0}, {"out_axes": {"los": 0}}, 'out_axes: the document has no output "los"; did you mean "loss"?'),
        (
            {"x": 0},
            {"out_axes": {"loss": 1}},
            'out_axes: "loss" float64[] cannot get a new axis 1; a place from -1 to 0 is needed',
        ),
        (
            {"x": 0},
            {"out_axes": {"loss": None}},
            'output "loss" has a value for each example; out_axes cannot be None for it',
        ),
        (
            {"x": 0},
            {"out_axes": {"next": 0}},
            'output "next" float64[examples] updates the parameter "count" float64[]; the types must be equal, so '
            "leave its place to vmap",
        ),
    ],
)
def test_refusals(in_axes: dict[str, InAxis], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TransformError) as caught:
        vmap(MODEL, in_axes, **arguments)
    assert str(caught.value) == message


def test_a_name_that_is_no_symbol_is_refused() -> None:
    with pytest.raises(TransformError, match=r'^size is "2 n": '):
        vmap(MODEL, size="2 n")


@pytest.mark.parametrize(
    ("init", "what"), [({"kind": "orthogonal"}, "orthogonal"), ({"kind": "normal", "zero_row": 1}, "zero_row")]
)
def test_an_initialiser_of_the_whole_parameter_is_refused(init: dict[str, Any], what: str) -> None:
    parameters = [{"id": "table", "dtype": "float64", "shape": [4, 2], "init": init}]
    outputs = [{"name": "y", "value": "table"}]
    document = Document.from_dict({"asg": 1, "parameters": parameters, "outputs": outputs})
    with pytest.raises(TransformError) as caught:
        vmap(document, {"table": 0}, size=3)
    assert str(caught.value) == (
        f'parameter "table" has the initialiser {what}, which cannot be said of each example; give it another, or do '
        "not map it"
    )


def of_nodes(shape: list[Any], *nodes: dict[str, Any]) -> Document:
    inputs = [{"id": "x", "dtype": "float32", "shape": shape}]
    outputs = [{"name": "y", "value": "y"}]
    return Document.from_dict({"asg": 1, "inputs": inputs, "nodes": list(nodes), "outputs": outputs})


def test_a_value_of_too_many_axes_is_refused_with_its_node() -> None:
    many = {"id": "many", "op": "reshape", "inputs": ["x"], "shape": [1] * 64}
    total = {"id": "y", "op": "sum", "inputs": ["many"]}
    with pytest.raises(TransformError) as caught:
        vmap(of_nodes([], many, total))
    assert str(caught.value).startswith('node "many" (reshape) cannot be mapped: with the mapped axis ')
    assert "64" in str(caught.value)
    with pytest.raises(TransformError) as caught:
        vmap(of_nodes([], {**many, "id": "y"}))
    assert 'out_axes: "y"' in str(caught.value)
    assert "a value has at most 64" in str(caught.value)


def test_a_dim_that_grows_too_large_is_refused_with_its_node() -> None:
    batch = {"mul": [f"a{index}" for index in range(64)]}
    pooled = {"id": "y", "op": "global_avg_pool", "inputs": ["x"]}
    with pytest.raises(TransformError) as caught:
        vmap(of_nodes([batch, 2, 3], pooled))
    message = 'node "y" (global_avg_pool) cannot be mapped: a dim\'s expression has more than 64 factors'
    assert str(caught.value) == message


def test_batches_of_symbolic_sizes(run: Run) -> None:
    """Blocks that begin elsewhere in each example, where neither sizes nor the number of examples are known."""
    source = {
        "asg": 1,
        "inputs": [
            {"id": "x", "dtype": "float64", "shape": ["n", {"add": ["n", 2]}]},
            {"id": "start", "dtype": "int32", "shape": [2]},
        ],
        "nodes": [
            {"id": "part", "op": "dynamic_slice", "inputs": ["x", "start"], "shape": [2, "n"]},
            {"id": "back", "op": "dynamic_update_slice", "inputs": ["x", "part", "start"]},
        ],
        "outputs": [{"name": "part", "value": "part"}, {"name": "back", "value": "back"}],
    }
    document = Document.from_dict(source)
    x = np.random.default_rng(0).normal(size=(4, 3, 5))
    start = np.array([[0, 0], [1, 2], [-3, 9], [9, 1]], np.int32)
    found = run(vmap(document), {"x": x, "start": start}, ["part", "back"])
    for index in range(4):
        alone = run(document, {"x": x[index], "start": start[index]}, ["part", "back"])
        np.testing.assert_array_equal(found["part"][index], alone["part"])
        np.testing.assert_array_equal(found["back"][index], x[index])


def test_a_long_chain_is_mapped_in_one_pass_without_recursion() -> None:
    nodes = [
        {"id": f"n{index}" if index < 29_999 else "y", "op": "tanh", "inputs": [f"n{index - 1}" if index else "x"]}
        for index in range(30_000)
    ]
    mapped = vmap(of_nodes(["n"], *nodes))
    assert len(mapped.nodes) == 30_000
    assert type_of(mapped, "y") == "float32[examples, n]"
