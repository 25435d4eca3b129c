"""`split` and `linearize`: two documents that compute what one does."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import asg_builder as asg
import asg_executor
from asg_autograd import TransformError, checkpoint, footprint, grad, jvp, linearize, split, vjp
from asg_builder import losses, nn
from asg_schema.cost import size_in_bytes
from asg_schema.document import Document
from asg_schema.roles import GradientRole, RngKeyRole
from op_samples.sample import Array

SIZES = {"batch": 3, "sequence": 5}


def block(dropout: float = 0.0, width: int = 8) -> Document:
    with asg.graph("block") as g:
        x, target = (asg.input(name, ("batch", "sequence", width)) for name in ("x", "target"))
        y = nn.TransformerBlock(width, 2, 4 * width, causal=True, dropout=dropout, name="block")(x)
        g.output(prediction=y, loss=losses.mse(y, target))
    return g.document()


def cnn() -> Document:
    with asg.graph("cnn") as g:
        x, labels = asg.input("x", ("batch", 2, 8, 8)), asg.input("labels", ("batch",), dtype="int64")
        layers = [nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
        g.output(loss=losses.cross_entropy(nn.Sequential(*layers, nn.Linear(64, 3))(x), labels))
    return g.document()


def made(document: Document) -> tuple[dict[str, Array], dict[str, Array]]:
    """Values for the inputs and the parameters of a document."""
    generator = np.random.default_rng(0)

    def of(item: Any) -> Array:
        shape = [SIZES[str(dim)] if str(dim) in SIZES else int(dim) for dim in item.shape]
        if item.dtype.is_floating:
            return np.abs(generator.standard_normal(shape)).astype(item.dtype.value)
        return generator.integers(0, 3, shape).astype(item.dtype.value)

    return {item.id: of(item) for item in document.inputs}, {item.id: of(item) for item in document.parameters}


def run(document: Document, given: Mapping[str, Array], parameters: Mapping[str, Array]) -> dict[str, Array]:
    """All outputs of a document, given values for more than its interface."""
    Document.from_json(document.to_json())
    return asg_executor.run(
        document,
        {item.id: given[item.id] for item in document.inputs},
        {item.id: parameters[item.id] for item in document.parameters},
        engine="numpy",
        outputs=[output.name for output in document.outputs],
    )


def assert_the_same_bits(whole: Document, first: Document, second: Document) -> None:
    inputs, parameters = made(whole)
    expected = run(whole, inputs, parameters)
    found = run(first, inputs, parameters)
    residuals = {name: value for name, value in found.items() if name.startswith("residual.")}
    assert residuals.keys() <= {item.id for item in second.inputs}
    found.update(run(second, inputs | residuals, parameters))
    assert found.keys() - residuals.keys() == expected.keys()
    for name, value in expected.items():
        assert np.isfinite(value).all()
        assert value.tobytes() == found[name].tobytes(), name


DOCUMENTS = {
    "grad": lambda: grad(block()),
    "grad with dropout": lambda: grad(block(0.25)),
    "grad by an input": lambda: grad(block(), wrt=["x"]),
    "vjp": lambda: vjp(block(), ["prediction"], ["x", "block.linear1.weight"]),
    "cnn": lambda: grad(cnn()),
    "checkpointed": lambda: checkpoint(grad(block()), symbols=SIZES),
    "grad of a gradient": lambda: vjp(grad(block()), ["grad.block.linear1.weight"], ["x"]),
    "jvp": lambda: jvp(block(), ["x"]),
    "jvp of a gradient": lambda: jvp(grad(block()), ["block.linear1.weight"], ["grad.block.linear1.weight"]),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_forward_and_then_backward_have_the_bits_of_the_whole(name: str) -> None:
    whole = DOCUMENTS[name]()
    assert_the_same_bits(whole, *split(whole))


def residuals(document: Document) -> set[str]:
    return {item.id.removeprefix("residual.") for item in document.inputs if item.id.startswith("residual.")}


def test_interfaces() -> None:
    whole = grad(block())
    forward, backward = split(whole)
    assert [item.name for item in forward.outputs][:2] == ["prediction", "loss"]
    assert {item.name for item in forward.outputs[2:]} == {f"residual.{name}" for name in residuals(backward)}
    assert [item.name for item in backward.outputs] == [item.name for item in whole.outputs[2:]]
    assert all(isinstance(item.role, GradientRole) for item in backward.outputs)
    assert (forward.inputs, forward.parameters) == (whole.inputs, whole.parameters)
    assert forward.nodes == block().nodes
    pulled = split(vjp(block(), "prediction", ["x"]))
    assert "cotangent.prediction" in [item.id for item in pulled.backward.inputs]
    assert "cotangent.prediction" not in [item.id for item in pulled.forward.inputs]


def test_of_a_value_and_what_is_cheap_to_compute_from_it_one_is_passed() -> None:
    """The scores of attention, both norms and gelu are computed again; q, k and v are passed without their views."""
    passed = residuals(split(grad(block(width=64)), symbols={"batch": 4, "sequence": 64}).backward)
    assert passed == {
        *(f"block.self_attn.{name}" for name in ("slice", "slice_1", "slice_2", "attention")),
        *("block.add", "block.linear1.linear", "mse.subtract"),
    }


def test_random_bits_are_made_again_of_their_key() -> None:
    backward = split(grad(block(0.25))).backward
    assert [item.id for item in backward.inputs if isinstance(item.role, RngKeyRole)] == ["rng_key"]
    assert not any("rng_bits" in name for name in residuals(backward))


def test_a_mask_is_passed_and_not_what_it_is_made_of() -> None:
    with asg.graph("masked") as g:
        x, y = asg.input("x", (64, 64)), asg.input("y", (64, 64))
        g.output(loss=asg.sum(asg.where(x @ y > 0, x, 0.0)))
    backward = split(grad(g.document(), wrt=["x"])).backward
    assert [(item.id, item.dtype.value) for item in backward.inputs] == [("residual.greater", "bool")]


def test_residuals_are_fewer_bytes_than_what_the_whole_keeps() -> None:
    sizes = {"batch": 4, "sequence": 64}
    whole = grad(block())
    backward = split(whole, symbols=sizes).backward
    passed = [item for item in backward.inputs if item.id.startswith("residual.")]
    bound = [item.type._replace(shape=tuple(sizes.get(str(dim), dim) for dim in item.shape)) for item in passed]
    assert 3 * sum(map(size_in_bytes, bound)) < footprint(whole, sizes).kept_bytes


def test_a_chain_of_cheap_operations_is_not_computed_again_as_a_whole() -> None:
    with asg.graph("chain") as g:
        x = asg.input("x", (64,))
        y = x
        for _ in range(60):
            y = asg.tanh(y) * x
        g.output(loss=asg.sum(y))
    whole = grad(g.document(), wrt=["x"])
    forward, backward = split(whole)
    assert 10 <= len(residuals(backward)) <= 40
    again = {node.id for node in forward.nodes} & {node.id for node in backward.nodes}
    assert len(again) <= 110
    assert_the_same_bits(whole, forward, backward)


def test_a_gradient_that_is_a_forward_value_is_passed() -> None:
    with asg.graph("product") as g:
        x, w = asg.input("x", (3,)), asg.input("w", (3,))
        g.output(loss=asg.sum(asg.sin(asg.matmul(asg.diag(x), x)) * w))
    whole = grad(g.document(), wrt=["w"])
    assert_the_same_bits(whole, *split(whole))


def test_each_symbol_has_an_input_that_says_what_it_is() -> None:
    with asg.graph("flat") as g:
        x = asg.input("x", ("batch", "sequence", 2))
        flat = asg.tanh(asg.reshape(x, (asg.symbol("batch") * asg.symbol("sequence"), 2)))
        g.output(loss=asg.mean(flat))
    whole = vjp(g.document(), "loss", ["x"])
    assert_the_same_bits(whole, *split(whole))


@pytest.mark.parametrize("dropout", [0.0, 0.25])
def test_linearize_is_jvp_in_two(dropout: float) -> None:
    document = block(dropout)
    forward, linear = linearize(document, ["x", "block.linear1.weight"], "prediction")
    assert_the_same_bits(jvp(document, ["x", "block.linear1.weight"], "prediction"), forward, linear)
    assert [item.name for item in linear.outputs] == ["tangent.prediction"]
    assert not any(item.id.startswith("tangent") for item in forward.inputs)


def test_the_linear_document_is_linear() -> None:
    forward, linear = linearize(block(), ["x"], "prediction")
    inputs, parameters = made(block())
    point = run(forward, inputs, parameters)
    first, second = (np.random.default_rng(seed).standard_normal((3, 5, 8)).astype("float32") for seed in (1, 2))

    def along(direction: Array) -> Array:
        given = inputs | point | {"tangent.x": direction}
        return run(linear, given, parameters)["tangent.prediction"]

    np.testing.assert_allclose(along(first + 2 * second), along(first) + 2 * along(second), rtol=1e-3, atol=1e-4)


def test_a_gradient_document_is_linearized_with_its_gradients_as_values() -> None:
    document = grad(cnn())
    forward, linear = linearize(document, ["x"])
    assert [item.name for item in forward.outputs][: len(document.outputs)] == [item.name for item in document.outputs]
    assert_the_same_bits(jvp(document, ["x"]), forward, linear)


def test_names_that_are_taken() -> None:
    source = grad(block(width=64)).to_dict()
    source["inputs"].append({"id": "residual.block.add", "dtype": "float32", "shape": []})
    forward, backward = split(Document.from_dict(source))
    assert "residual2.block.add" in [item.name for item in forward.outputs]
    assert "residual2.block.add" in [item.id for item in backward.inputs]


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(TransformError, match="has no part that computes derivatives"):
        split(block())
    with pytest.raises(TransformError, match='no symbol "bath"; did you mean "batch"'):
        split(grad(block()), symbols={"bath": 3})
    source = block(width=64).to_json().replace('"block.add"', f'"{"a" * 250}"')
    with pytest.raises(TransformError, match="would have 259 characters; at most 255"):
        split(grad(Document.from_json(source)))
