"""Gradient documents are small, and long ones are no trouble."""

from collections.abc import Callable, Sequence

import pytest

import asg_builder as asg
from asg_autograd import grad, hessian_vector_product, lower, vjp
from asg_builder import losses, nn
from asg_schema.composite import Composite
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.op import Op
from asg_schema.ops.elementwise_functions import Sin, Tanh
from asg_schema.ops.reduction import Sum
from asg_schema.roles import GradientRole


def primitives(nodes: Sequence[Op], document: Document) -> int:
    """How many primitive nodes these nodes of a document are when all composites are expanded."""
    count, waiting = 0, [(node, [document.types[reference] for reference in node.inputs]) for node in nodes]
    while waiting:
        node, types = waiting.pop()
        if not isinstance(node, Composite):
            count += 1
            continue
        editor = Editor()
        node.expand(
            [
                editor.add_input(Input(id=f"x{index}", dtype=type.dtype, shape=type.shape))
                for index, type in enumerate(types)
            ]
        )
        waiting += [(inner, [editor.types[reference] for reference in inner.inputs]) for inner in editor.nodes]
    return count


def mlp() -> Document:
    with asg.graph("mlp") as g:
        x, target = asg.input("x", ("batch", 8)), asg.input("target", ("batch", 2))
        layers = [layer for _ in range(4) for layer in (nn.Linear(8, 8), nn.ReLU())]
        g.output(loss=losses.mse(nn.Sequential(*layers, nn.Linear(8, 2))(x), target))
    return g.document()


def transformer_block() -> Document:
    with asg.graph("block") as g:
        x, target = asg.input("x", ("batch", "length", 8)), asg.input("target", ("batch", "length", 8))
        g.output(loss=losses.mse(nn.TransformerBlock(8, 2, 16, causal=True)(x), target))
    return g.document()


def with_penalty(document: Document) -> Document:
    editor = Editor()
    editor.load(document)
    gradients = [editor.value(item.value) for item in document.outputs if isinstance(item.role, GradientRole)]
    total = Sum.of(gradients[0] * gradients[0])
    for gradient in gradients[1:]:
        total = total + Sum.of(gradient * gradient)
    editor.add_output(Output(name="penalty", value=total.id))
    return editor.document()


def classifier() -> Document:
    with asg.graph("classifier") as g:
        x, target = asg.input("x", ("batch", 1, 8, 8)), asg.input("target", ("batch",), "int64")
        layers = [nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, padding=1), nn.ReLU()]
        y = nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 5))(x)
        g.output(loss=losses.cross_entropy(y, target))
    return g.document()


MODELS = [mlp, transformer_block, classifier]


@pytest.mark.parametrize("model", MODELS)
def test_forward_and_gradient_together_are_at_most_three_times_the_forward_nodes(model: Callable[[], Document]) -> None:
    """As they stand, where a composite such as `layer_norm` is one node, and written in primitives."""
    document = model()
    result = grad(document)
    assert len(result.nodes) <= 3 * len(document.nodes)
    assert primitives(result.nodes, result) <= 3 * primitives(document.nodes, document)
    assert len(lower(result).nodes) <= 2.2 * len(lower(document).nodes)


@pytest.mark.parametrize("model", MODELS)
def test_second_order_is_at_most_eight_times_the_forward_nodes(model: Callable[[], Document]) -> None:
    document = model()
    result = hessian_vector_product(document)
    assert len(result.nodes) <= 8 * len(document.nodes)
    assert len(lower(result).nodes) <= 4.2 * len(lower(document).nodes)


@pytest.mark.parametrize(
    ("model", "first", "product", "penalized"),
    [(mlp, 34, 75, 96), (transformer_block, 72, 187, 232), (classifier, 39, 78, 99)],
)
def test_nodes_as_they_stand(model: Callable[[], Document], first: int, product: int, penalized: int) -> None:
    """`penalized` is the gradient of the squares of all gradients, without the nodes that add up the squares."""
    document = model()
    gradient = grad(document)
    assert len(gradient.nodes) <= first
    assert len(hessian_vector_product(document).nodes) <= product
    penalty = with_penalty(gradient)
    second = grad(penalty, of="penalty")
    assert len(second.nodes) - (len(penalty.nodes) - len(gradient.nodes)) <= penalized
    assert primitives(second.nodes, second) <= 8 * primitives(document.nodes, document)
    assert len(lower(second).nodes) <= 6 * len(lower(document).nodes)


def test_no_node_is_there_twice() -> None:
    result = grad(with_penalty(grad(transformer_block())), of="penalty")
    added = [repr((node.name, node.inputs, node.attribute_json())) for node in result.nodes if "grad2." in node.id]
    assert len(set(added)) == len(added)


def test_composites_stay_composites_in_the_gradient_of_a_block() -> None:
    document = transformer_block()
    added = grad(document).nodes[len(document.nodes) :]
    # No gradient by the block's own x is asked for, so the first norm has only those by its weight and bias.
    of_first = [node.name for node in added if ".norm1." in node.id]
    assert of_first == ["layer_norm", "einsum", "sum"]
    of_second = [node.name for node in added if ".norm2." in node.id]
    assert of_second[:3] == ["layer_norm", "multiply", "rstd"]
    assert len(of_second) == 11
    assert {"attention_weights", "normal_cdf", "normal_pdf"} <= {node.name for node in added}


def chain(length: int) -> Document:
    editor = Editor()
    x: Value = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=()))
    start = x
    for _ in range(length // 4):
        x = Tanh.of(Sin.of(x) * start + x)
    editor.add_output(Output(name="loss", value=x.id))
    return editor.document()


def test_a_chain_of_100_000_nodes_is_differentiated_without_recursion() -> None:
    document = chain(100_000)
    result = grad(document, wrt=["x"])
    assert result.nodes[:100_000] == document.nodes
    # Each round of four nodes costs nine: tanh 3, product 2 with its two shares, sine 2, and two sums of cotangents.
    assert len(result.nodes) - len(document.nodes) <= 2.5 * len(document.nodes)


def test_the_gradient_of_a_gradient_of_a_long_chain() -> None:
    first = vjp(chain(8_000), "loss", ["x"])
    second = grad(first, of="grad.x", wrt=["x"])
    assert len(second.nodes) < 10 * 8_000
