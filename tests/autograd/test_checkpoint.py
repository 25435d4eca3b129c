"""`checkpoint`: less is kept, the rest is computed again, and nothing else changes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import asg_builder as asg
import asg_executor
from asg_autograd import TransformError, checkpoint, footprint, grad, lower, simplify, vjp
from asg_autograd.simplifying_editor import SimplifyingEditor
from asg_builder import losses, nn
from asg_executor.engines.numpy_engine import NumpyEngine
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.op import Op
from asg_schema.ops.control import Barrier
from asg_schema.ops.elementwise_functions import Sin, Tanh
from asg_schema.ops.reduction import Sum
from asg_schema.roles import GradientRole
from op_samples.sample import Array

SIZES = {"batch": 3, "sequence": 5}


def transformer(layers: int, width: int, dropout: float = 0.0) -> Document:
    with asg.graph("transformer") as g:
        x, target = (asg.input(name, ("batch", "sequence", width)) for name in ("x", "target"))
        for index in range(layers):
            x = nn.TransformerBlock(width, 2, 4 * width, causal=True, dropout=dropout, name=f"block{index}")(x)
        g.output(loss=losses.mse(x, target))
    return g.document()


def cnn() -> Document:
    with asg.graph("cnn") as g:
        x, target = asg.input("x", ("batch", 2, 8, 8)), asg.input("target", ("batch", 4, 8, 8))
        layers = [
            *(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
            *(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.GELU()),
        ]
        g.output(loss=losses.mse(nn.Sequential(*layers)(x), target))
    return g.document()


def mlp() -> Document:
    with asg.graph("mlp") as g:
        x, target = asg.input("x", ("batch", 6)), asg.input("target", ("batch", 2))
        layers = [layer for _ in range(5) for layer in (nn.Linear(6, 6), nn.Tanh())]
        g.output(loss=losses.mse(nn.Sequential(*layers, nn.Linear(6, 2))(x), target))
    return g.document()


def second_order(document: Document) -> Document:
    """The gradient of the squared norm of a document's gradients."""
    first = grad(document)
    editor = Editor()
    editor.load(first)
    gradients = [editor.value(item.value) for item in first.outputs if isinstance(item.role, GradientRole)]
    total = Sum.of(gradients[0] * gradients[0])
    for gradient in gradients[1:]:
        total = total + Sum.of(gradient * gradient)
    editor.add_output(Output(name="penalty", value=total.id))
    return grad(editor.document(), of="penalty")


def results(document: Document, sizes: dict[str, int] = SIZES) -> dict[str, Array]:
    """What a document computes from values that depend on its interface alone."""
    generator = np.random.default_rng(0)

    def made(item: Any) -> Array:
        shape = [sizes[str(dim)] if str(dim) in sizes else int(dim) for dim in item.shape]
        if item.dtype.is_floating:
            return generator.standard_normal(shape).astype(item.dtype.value)
        return generator.integers(0, 2, shape).astype(item.dtype.value)

    parameters = {item.id: np.abs(made(item)) for item in document.parameters}
    return asg_executor.run(document, {item.id: made(item) for item in document.inputs}, parameters, engine="numpy")


def assert_the_same_bits(result: Document, document: Document) -> None:
    Document.from_json(result.to_json())
    expected, found = results(document), results(result)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert np.isfinite(value).all()
        assert value.tobytes() == found[name].tobytes(), name


MODELS: dict[str, Callable[[], Document]] = {
    "mlp": lambda: grad(mlp()),
    "cnn": lambda: grad(cnn()),
    "transformer with dropout": lambda: grad(transformer(3, 4, dropout=0.25)),
    "vjp": lambda: vjp(transformer(2, 4), "loss"),
    "vjp of a gradient": lambda: vjp(grad(mlp()), ["grad.sequential.0.weight"], ["x"]),
    "second order": lambda: second_order(mlp()),
    "second order of a block": lambda: second_order(transformer(1, 4)),
}


def is_product(node: Op) -> bool:
    return node.name in ("linear", "conv2d")


def sizes_of(document: Document) -> dict[str, int]:
    return {str(dim): SIZES[str(dim)] for item in document.inputs for dim in item.shape if str(dim) in SIZES}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "arguments", [{}, {"part": 0.9}, {"keep": []}, {"keep": is_product}], ids=["least", "budget", "nothing", "products"]
)
def test_values_and_gradients_have_the_same_bits(model: str, arguments: dict[str, Any]) -> None:
    document = MODELS[model]()
    sizes = sizes_of(document)
    if "part" in arguments:
        arguments = {"budget": int(footprint(document, sizes).kept_bytes * arguments["part"])}
    result = checkpoint(document, symbols=sizes, **arguments)
    assert_the_same_bits(result, document)
    if "budget" in arguments:
        assert footprint(result, sizes).kept_bytes <= arguments["budget"]
    else:
        assert any(node.id.startswith("recompute.") for node in result.nodes)


def test_the_interface_and_the_forward_part_are_unchanged_and_first() -> None:
    forward = transformer(2, 4)
    document = grad(forward)
    result = checkpoint(document, symbols=SIZES)
    assert result.nodes[: len(forward.nodes)] == forward.nodes
    assert (result.inputs, result.parameters, result.outputs) == (
        document.inputs,
        document.parameters,
        document.outputs,
    )
    assert dict(result.types) == dict(Document.from_json(result.to_json()).types)
    assert result.to_json() == checkpoint(document, symbols=SIZES).to_json()


def test_what_is_computed_again_stands_right_before_its_first_use() -> None:
    result = checkpoint(grad(transformer(3, 4)), symbols=SIZES)
    later = [node for node in result.nodes if node.id.startswith("recompute.")]
    places = {node.id: place for place, node in enumerate(result.nodes)}
    for node in later:
        reads = [other for other in result.nodes[places[node.id] :] if node.id in other.inputs]
        between = result.nodes[places[node.id] + 1 : places[reads[0].id]]
        assert all(other.id.startswith(("recompute.", "kept.")) for other in between), node.id


def test_who_removes_duplicates_leaves_the_second_computation() -> None:
    document = grad(transformer(2, 4))
    result = checkpoint(document, symbols=SIZES)
    editor = SimplifyingEditor()
    for item in result.inputs:
        editor.add_input(item)
    for item in result.parameters:
        editor.add_parameter(item)
    values: dict[str, Value] = {item.id: editor.value(item.id) for item in (*result.inputs, *result.parameters)}
    for node in result.nodes:
        attributes = {name: getattr(node, name) for name in node.attributes}
        emitted = editor.emit(type(node), [values[reference] for reference in node.inputs], attributes)
        values.update(zip(node.references(), emitted, strict=True))
    layers = [node for node in editor.nodes if node.name == "gelu"]
    assert len(layers) > len([node for node in document.nodes if node.name == "gelu"])


LARGE = {"batch": 8, "sequence": 64}


def test_a_transformer_of_twelve_layers_keeps_a_third_for_a_third_more_arithmetic() -> None:
    document = grad(transformer(12, 64))
    before = footprint(document, LARGE)
    for result in (
        checkpoint(document, symbols=LARGE),
        checkpoint(document, symbols=LARGE, budget=before.kept_bytes // 3),
    ):
        after = footprint(result, LARGE)
        assert after.kept_bytes * 3 <= before.kept_bytes
        assert after.operations <= 1.35 * before.operations
        assert after.peak_bytes * 2 <= before.peak_bytes


def test_the_memory_of_the_numpy_engine_falls_as_the_types_say() -> None:
    document, engine = grad(transformer(12, 64)), NumpyEngine()
    result = checkpoint(document, symbols=LARGE)
    before, after = engine.plan(document, LARGE), engine.plan(result, LARGE)
    assert after.peak_bytes * 3 <= before.peak_bytes
    assert before.operations < after.operations <= 1.35 * before.operations
    # What the types say is what is planned, apart from inputs, and from instructions that take over memory.
    said = footprint(result, LARGE)
    assert said.operations == pytest.approx(after.operations, rel=0.01)
    assert said.peak_bytes == pytest.approx(after.peak_bytes, rel=0.3)


def test_a_larger_budget_takes_less_arithmetic() -> None:
    document = grad(transformer(6, 16))
    before = footprint(document, LARGE)
    counted = [
        footprint(checkpoint(document, symbols=LARGE, budget=before.kept_bytes * part // 10), LARGE)
        for part in (3, 5, 7, 9)
    ]
    assert [item.operations for item in counted] == sorted((item.operations for item in counted), reverse=True)
    assert all(
        item.kept_bytes <= before.kept_bytes * part // 10 for item, part in zip(counted, (3, 5, 7, 9), strict=True)
    )
    assert all(before.operations <= item.operations for item in counted)


def test_a_document_within_its_budget_is_answered_as_it_is() -> None:
    document, sizes = grad(mlp()), {"batch": 3}
    assert checkpoint(document, symbols=sizes, budget=footprint(document, sizes).kept_bytes) is document


def test_too_small_a_budget_says_what_was_reached() -> None:
    document = grad(transformer(3, 4))
    with pytest.raises(TransformError, match=r"budget: 100 bytes are not enough .* the least that was found is [\d,]+"):
        checkpoint(document, symbols=SIZES, budget=100)


def kept(document: Document) -> set[str]:
    return {reference for node in document.nodes if isinstance(node, Barrier) for reference in node.inputs}


def test_scopes_and_ids_are_kept_by_name() -> None:
    document = grad(transformer(3, 4))
    assert kept(checkpoint(document, keep=["block0", "block1."])) == {"x", "target", "block0.add_1", "block1.add_1"}
    assert kept(checkpoint(document, keep="block1.gelu")) == {"x", "target", "block1.gelu"}
    products = checkpoint(document, keep=lambda node: node.name == "linear")
    assert {reference for reference in kept(products) if reference.endswith("linear")}
    assert not any("recompute" in node.id and node.name == "linear" for node in products.nodes)


def test_a_view_is_kept_by_keeping_what_it_shows() -> None:
    document = grad(transformer(2, 4))
    result = checkpoint(document, keep=["block1.self_attn.permute_dims_1"])
    assert kept(result) == {"x", "target", "block1.self_attn.linear"}


def test_one_result_of_several_is_kept() -> None:
    with asg.graph("pooled") as g:
        x = asg.input("x", (1, 1, 4, 4))
        g.output(loss=asg.sum(asg.square(asg.max_pool(asg.sin(x), kernel_size=(2, 2))[0])))
    document = grad(g.document(), wrt=["x"])
    pool = next(node.id for node in document.nodes if node.name == "max_pool")
    result = checkpoint(document, keep=[f"{pool}:1"])
    assert f"{pool}:1" in kept(result)
    assert_the_same_bits(result, document)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keep": "blok1"}, 'keep: the forward part has no node and no scope "blok1"; did you mean "block1"?'),
        ({"keep": ["grad.mse.multiply.multiply"]}, '"grad.mse.multiply.multiply" is not a value of the forward part'),
        ({"keep": "x", "budget": 1}, "only one of them can be"),
        ({}, 'depends on "batch", "sequence": give a size for each symbol, such as batch=32'),
        ({"symbols": {"batch": 2, "sequence": 2, "bath": 3}}, 'no symbol "bath"; did you mean "batch"?'),
        ({"symbols": {"batch": 2, "sequence": -1}}, '"sequence" is -1; a size of at least 0 is needed'),
        ({"budget": -1, "symbols": SIZES}, "budget is -1"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TransformError) as caught:
        checkpoint(grad(transformer(2, 4)), **arguments)
    assert message in str(caught.value)


def test_a_document_without_derivatives_is_refused() -> None:
    with pytest.raises(TransformError, match="has no part that computes derivatives"):
        checkpoint(mlp(), symbols={"batch": 3})
    with pytest.raises(TransformError, match="has no part that computes derivatives"):
        footprint(mlp(), {"batch": 3})


@pytest.mark.parametrize(
    "names", [["grad.sequential.0.weight", "grad.sequential.2.weight"], ["grad.sequential.0.bias"]]
)
def test_without_the_loss_the_ids_tell_the_parts_apart(names: Sequence[str]) -> None:
    whole = grad(mlp())
    outputs = [{"name": item.name, "value": item.value} for item in whole.outputs if item.name in names]
    document = Document.from_dict({**whole.to_dict(), "outputs": outputs})
    result = checkpoint(document, symbols={"batch": 3})
    assert any(node.id.startswith("recompute.") for node in result.nodes)
    assert_the_same_bits(result, document)


def test_it_can_be_done_again_and_differentiated_and_lowered() -> None:
    document = grad(transformer(2, 4))
    once = checkpoint(document, symbols=SIZES)
    assert_the_same_bits(checkpoint(once, symbols=SIZES), document)
    assert_the_same_bits(lower(once), document)
    assert_the_same_bits(checkpoint(lower(document), symbols=SIZES), document)
    assert_the_same_bits(simplify(once), document)
    assert footprint(simplify(once), SIZES) == footprint(once, SIZES)
    pulled, expected = (vjp(item, ["grad.block0.norm1.weight"], ["x"]) for item in (once, document))
    for name, value in results(expected).items():
        np.testing.assert_allclose(results(pulled)[name], value, rtol=2e-4, atol=2e-4)


def chain(length: int) -> Document:
    editor = Editor()
    x: Value = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(256,)))
    for _ in range(length // 2):
        x = Tanh.of(Sin.of(x))
    editor.add_output(Output(name="loss", value=Sum.of(x).id))
    return editor.document()


def test_a_long_chain_is_cut_into_about_as_many_segments_as_each_has_nodes() -> None:
    document = grad(chain(4_000), wrt=["x"])
    result = checkpoint(document)
    before, after = footprint(document), footprint(result)
    values = 2_000  # the result of each tanh, of which the derivative of the next sine is made, too
    assert before.kept_bytes == values * 1024
    assert after.kept_bytes <= 3 * values**0.5 * 1024
    assert after.peak_bytes <= 6 * values**0.5 * 1024
    assert after.operations <= 1.6 * before.operations
