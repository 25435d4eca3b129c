"""`simplify`: the interface it keeps, what it leaves out, and that it changes no value."""

import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest

import asg_builder as asg
import asg_executor
from asg_autograd import grad, simplification, simplify, vjp
from asg_autograd.canonical_order import canonical_order
from asg_autograd.simplifying_editor import SimplifyingEditor
from asg_builder import losses, nn
from asg_schema.composite import Composite
from asg_schema.dims import symbol
from asg_schema.document import Document, Input, Output, Parameter
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.errors import DocumentError
from asg_schema.op import Op
from asg_schema.ops.control import Barrier
from asg_schema.ops.elementwise import Negative, StopGradient
from asg_schema.ops.elementwise_functions import Exp, Sin
from asg_schema.ops.layout import Concat, PermuteDims, Reshape, Slice
from asg_schema.ops.window import MaxPool
from asg_schema.roles import MetricRole
from op_samples import ALL_SAMPLES
from op_samples.expansion import expanded_document
from op_samples.sample import Array, Sample, dtype_of, sample_document, sample_inputs

N = symbol("n")


@pytest.fixture
def editor() -> Editor:
    editor = Editor()
    editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(N, 3)))
    return editor


@pytest.fixture
def x(editor: Editor) -> Value:
    return editor.value("x")


def result_of(editor: Editor, **outputs: Value) -> Document:
    """What is simplified of an editor's graph, written and read again."""
    for name, value in outputs.items():
        editor.add_output(Output(name=name, value=value.id))
    simplified = simplify(editor.document("graph", {"author": "somebody"}))
    assert Document.from_json(simplified.to_json()) == simplified
    assert dict(Document.from_json(simplified.to_json()).types) == dict(simplified.types)
    return simplified


def ids(document: Document) -> list[str]:
    return [node.id for node in document.nodes]


def forms(document: Document) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(node.id, node.name, node.inputs) for node in document.nodes]


def test_dead_nodes_and_duplicates_go(editor: Editor, x: Value) -> None:
    Exp.of(x)
    total = Sin.of(x) + Sin.of(x)
    simplified = result_of(editor, total=total)
    assert forms(simplified) == [("sin", "sin", ("x",)), ("add", "add", ("sin", "sin"))]
    assert simplified.metadata == {"author": "somebody"}


def test_duplicates_of_duplicates_go_in_either_order(editor: Editor, x: Value) -> None:
    first, second = Exp.of(x) * Sin.of(x), Sin.of(x) * Exp.of(x)
    simplified = result_of(editor, total=first - second)
    assert [node.name for node in simplified.nodes] == ["exp", "sin", "multiply", "subtract"]


def test_the_interface_stays(editor: Editor, x: Value) -> None:
    editor.add_input(Input(id="unused", dtype=DType.INT32, shape=()))
    editor.add_parameter(Parameter(id="weight", dtype=DType.FLOAT32, shape=(3,)))
    editor.add_output(Output(name="metric", value=(x * 1.0).id, role=MetricRole()))
    document = editor.document()
    simplified = simplify(document)
    assert (simplified.inputs, simplified.parameters) == (document.inputs, document.parameters)
    assert simplified.outputs == (Output(name="metric", value="x", role=MetricRole()),)
    assert simplified.nodes == ()
    assert set(simplified.types) == {"x", "unused", "weight"}


def test_what_replaces_a_node_takes_its_id_and_its_metadata(editor: Editor, x: Value) -> None:
    flat = Reshape.of(x, shape=(N * 3,))
    node = Reshape(id="lines", inputs=(flat.id,), shape=(3, N), metadata={"line": "7"})
    (lines,) = editor.append(node)
    simplified = result_of(editor, lines=lines)
    assert forms(simplified) == [("lines", "reshape", ("x",))]
    assert simplified.nodes[0].metadata == {"line": "7"}


def test_what_a_rewrite_needs_besides_gets_a_name_that_is_free(editor: Editor, x: Value) -> None:
    (y,) = editor.append(Sin(id="simplified.sin", inputs=("x",)))
    turned = PermuteDims.of(y, axes=(1, 0)) @ Exp.of(x)
    simplified = result_of(editor, result=PermuteDims.of(turned, axes=(1, 0)))
    assert forms(simplified) == [
        ("exp", "exp", ("x",)),
        ("simplified2.permute_dims_1.permute_dims", "permute_dims", ("exp",)),
        ("simplified.sin", "sin", ("x",)),
        ("permute_dims_1", "matmul", ("simplified2.permute_dims_1.permute_dims", "simplified.sin")),
    ]


def test_what_has_another_use_is_not_computed_twice(editor: Editor, x: Value) -> None:
    product = PermuteDims.of(x, axes=(1, 0)) @ Exp.of(x)
    turned = PermuteDims.of(product, axes=(1, 0))
    simplified = result_of(editor, turned=turned, later=Sin.of(product))
    assert [node.name for node in simplified.nodes].count("matmul") == 1
    output = Editor()
    output.load(editor.document())
    assert [node.name for node in result_of(output, product=product).nodes].count("matmul") == 1


def test_a_rewrite_that_another_makes_possible_is_found(editor: Editor, x: Value) -> None:
    # Only when the second sine of the product is gone has the product no other use than the transposition.
    product = PermuteDims.of(x, axes=(1, 0)) @ Exp.of(x)
    turned = PermuteDims.of(product, axes=(1, 0))
    dead = product - 0.0
    kept = PermuteDims.of(PermuteDims.of(dead, axes=(1, 0)), axes=(1, 0))
    simplified = result_of(editor, turned=turned, same=PermuteDims.of(kept, axes=(1, 0)))
    assert [node.name for node in simplified.nodes].count("matmul") == 1
    assert simplified.outputs[0].value == simplified.outputs[1].value


def test_barriers_and_stopped_gradients_stay(editor: Editor, x: Value) -> None:
    first, second = Sin.of(Barrier.of(x)), Sin.of(Barrier.of(x))
    stopped = StopGradient.of(first * 1.0)
    simplified = result_of(editor, first=first, second=second, stopped=stopped)
    assert sorted(node.name for node in simplified.nodes) == ["barrier", "barrier", "sin", "sin", "stop_gradient"]
    gradient = vjp(simplified, ["stopped"], ["x"])
    assert [gradient.types[gradient.outputs[-1].value]] == [simplified.types["x"]]
    assert gradient.nodes[-1].name == "full"


def test_results_of_one_node_stay_together(editor: Editor) -> None:
    image = editor.add_input(Input(id="image", dtype=DType.FLOAT32, shape=(4, 4)))
    _, indices = MaxPool.all_of(image, kernel_size=(2, 2))
    again, _ = MaxPool.all_of(image * 1.0, kernel_size=(2, 2))
    simplified = result_of(editor, again=again, indices=indices)
    assert [node.name for node in simplified.nodes] == ["max_pool"]
    assert [output.value for output in simplified.outputs] == ["max_pool", "max_pool:1"]


def test_all_stays_valid_where_an_output_is_an_input(editor: Editor, x: Value) -> None:
    assert result_of(editor, same=x, twice=Negative.of(-x)).nodes == ()


def test_a_document_that_is_not_valid_is_refused() -> None:
    source = Document.model_construct(nodes=(Sin(id="y", inputs=("x",)),), outputs=(Output(name="y", value="y"),))
    with pytest.raises(DocumentError, match='"x"'):
        simplify(source)


def mlp() -> Document:
    with asg.graph("mlp") as g:
        x, target = asg.input("x", ("batch", 8)), asg.input("target", ("batch",), "int64")
        layers = [layer for _ in range(2) for layer in (nn.Linear(8, 8), nn.ReLU())]
        g.output(loss=losses.cross_entropy(nn.Sequential(*layers, nn.Linear(8, 5))(x), target))
    return g.document()


def block() -> Document:
    with asg.graph("block") as g:
        x, target = asg.input("x", ("batch", "length", 8)), asg.input("target", ("batch", "length", 8))
        g.output(loss=losses.mse(nn.TransformerBlock(8, 2, 16, causal=True)(x), target))
    return g.document()


def cnn() -> Document:
    with asg.graph("cnn") as g:
        x, target = asg.input("x", ("batch", 1, 8, 8)), asg.input("target", ("batch",), "int64")
        layers = [nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
        g.output(loss=losses.cross_entropy(nn.Sequential(*layers, nn.Linear(64, 5))(x), target))
    return g.document()


MODELS = [mlp, block, cnn]


def inputs_of(document: Document, **sizes: int) -> dict[str, Array]:
    generator = np.random.default_rng(0)
    found: dict[str, Array] = {}
    for item in (*document.inputs, *document.parameters):
        shape = [sizes[str(dim)] if str(dim) in sizes else int(str(dim)) for dim in item.shape]
        if item.dtype.is_floating:
            found[item.id] = generator.uniform(0.5, 1.5, shape).astype(item.dtype.value)
        else:
            found[item.id] = generator.integers(0, 5, shape).astype(item.dtype.value)
    return found


def run(document: Document, values: dict[str, Array]) -> dict[str, Array]:
    names = [output.name for output in document.outputs]
    parameters = {item.id: values[item.id] for item in document.parameters}
    inputs = {item.id: values[item.id] for item in document.inputs}
    return asg_executor.run(document, inputs, parameters, engine="numpy", outputs=names)


@pytest.mark.parametrize("model", MODELS)
def test_a_gradient_document_is_simplified_already(model: Callable[[], Document]) -> None:
    document = simplify(model())
    for _ in range(2):
        document = grad(document, of="loss")
        assert len(simplify(document).nodes) == len(document.nodes)


@pytest.mark.parametrize("model", MODELS)
def test_models_keep_their_values_and_types(model: Callable[[], Document]) -> None:
    document = grad(model())
    simplified = simplify(document)
    values = inputs_of(document, batch=3, length=4)
    before, after = run(document, values), run(simplified, values)
    assert list(before) == list(after)
    for name in before:
        np.testing.assert_array_equal(after[name], before[name], name)
    types = {output.name: document.types[output.value] for output in document.outputs}
    assert {output.name: simplified.types[output.value] for output in simplified.outputs} == types


@pytest.mark.parametrize("model", MODELS)
def test_the_order_of_the_nodes_makes_no_difference(model: Callable[[], Document]) -> None:
    document = grad(model())
    generator = random.Random(0)
    shuffled = document.model_copy(update={"nodes": tuple(shuffle(document.nodes, generator))})
    assert ids(shuffled) != ids(document)
    assert simplify(shuffled).to_json() == simplify(document).to_json()
    assert simplify(simplify(document)).to_json() == simplify(document).to_json()


def shuffle(nodes: Sequence[Op], generator: random.Random) -> list[Op]:
    """The nodes in another topological order."""
    waiting, done, made = list(nodes), list[Op](), {node.id for node in nodes}
    while waiting:
        ready = [node for node in waiting if not {name.partition(":")[0] for name in node.inputs} & made]
        chosen = generator.choice(ready)
        waiting.remove(chosen)
        made.discard(chosen.id)
        done.append(chosen)
    return done


def test_a_gradient_comes_as_soon_as_its_cotangent_is_there() -> None:
    document = grad(mlp())
    order = [node.id for node in canonical_order(document.nodes, document.outputs)]
    assert order[: len(mlp().nodes)] == ids(mlp())
    gradients = {item.name: item.value for item in document.outputs}
    places = [order.index(gradients[f"grad.sequential.{layer}.weight"]) for layer in (4, 2, 0)]
    assert places == sorted(places)


def test_the_report_counts_what_was_done(editor: Editor, x: Value) -> None:
    Exp.of(x)
    total = (Sin.of(x) * 1.0 + Sin.of(x)) * 1.0
    editor.add_output(Output(name="total", value=total.id))
    result = simplification(editor.document())
    assert result.applied == {"dead": 1, "duplicate": 2, "multiply_by_one": 2}
    assert str(result).splitlines() == [
        "8 nodes before, 2 nodes after",
        "  dead             1",
        "  duplicate        2",
        "  multiply_by_one  2",
    ]


def chosen_samples() -> list[Sample]:
    """A few of each composite op: their expansions repeat themselves, and hold much to fold."""
    chosen: dict[str, list[Sample]] = {}
    for sample in ALL_SAMPLES:
        if issubclass(sample.op, Composite):
            chosen.setdefault(sample.op.name, []).append(sample)
    return [sample for samples in chosen.values() for sample in samples[:4]]


@pytest.mark.parametrize("sample", chosen_samples(), ids=lambda sample: sample.id)
def test_expansions_keep_their_values(sample: Sample) -> None:
    document = expanded_document(sample)
    simplified = simplify(document)
    assert len(simplified.nodes) <= len(document.nodes)
    inputs = sample_inputs(sample)
    names = [output.name for output in document.outputs]
    before = asg_executor.run(document, inputs, engine="numpy", outputs=names)
    after = asg_executor.run(simplified, inputs, engine="numpy", outputs=names)
    for name in names:
        assert dtype_of(after[name]) is dtype_of(before[name])
        np.testing.assert_array_equal(after[name], before[name], name)


def test_every_sample_of_every_op_is_simplified_to_a_valid_document() -> None:
    for sample in ALL_SAMPLES:
        document = sample_document(sample)
        simplified = simplify(document)
        assert dict(Document.from_json(simplified.to_json()).types) == dict(simplified.types), sample.id
        assert simplified.inputs == document.inputs
        assert [item.name for item in simplified.outputs] == [item.name for item in document.outputs]


def test_thousands_of_pieces_take_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of a vector one by one, joined again; the gradient joins the cotangents of 1,000 slices."""
    count = 1_000
    editor = Editor()
    x: Value = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(count,)))
    pieces = [Slice.of(x, start=(index,), stop=(index + 1,)) for index in range(count)]
    editor.add_output(Output(name="y", value=Concat.of(*map(Sin.of, reversed(pieces))).id))
    gradient = vjp(editor.document(), ["y"], ["x"])
    assert sum(len(node.inputs) for node in gradient.nodes) < 10 * count
    asked = 0
    definition = SimplifyingEditor.definition

    def counted(self: SimplifyingEditor, value: Value) -> Op | None:
        nonlocal asked
        asked += 1
        return definition(self, value)

    monkeypatch.setattr(SimplifyingEditor, "definition", counted)
    simplified = simplify(gradient)
    assert len(simplified.nodes) <= len(gradient.nodes)
    assert asked < 200 * count


def test_a_long_chain_is_simplified_without_recursion() -> None:
    editor = Editor()
    x: Value = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=()))
    for _ in range(3_000):
        x = -(Sin.of(x) * 1.0)
    editor.add_output(Output(name="y", value=x.id))
    assert len(simplify(editor.document()).nodes) == 6_000
