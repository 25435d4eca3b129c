"""`vmap` with the other transforms, against loops over examples: per-example gradients, Jacobians, Hessians."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

import asg_builder as asg
from asg_autograd import grad, hessian_vector_product, jvp, lower, specialize, vjp, vmap
from asg_builder import losses, nn
from asg_schema.document import Document
from op_samples import ALL_SAMPLES
from op_samples.sample import Array, Sample, sample_document, sample_inputs

Run = Callable[[Document, Mapping[str, Any], Sequence[str]], dict[str, Array]]
Values = Callable[..., dict[str, Array]]
COUNT = 4


def in_double(graph: asg.Graph) -> Document:
    return Document.from_json(graph.document().to_json().replace('"float32"', '"float64"'))


def mlp() -> Document:
    with asg.graph("mlp") as g:
        x, target = asg.input("x", (3,)), asg.input("target", (2,))
        y = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.SiLU(), nn.Linear(4, 2), name="mlp")(x)
        g.output(prediction=y, loss=losses.mse(y, target))
    return in_double(g)


def block() -> Document:
    with asg.graph("block") as g:
        x, target = asg.input("x", (1, "length", 8)), asg.input("target", (1, "length", 8))
        g.output(loss=losses.mse(nn.TransformerBlock(8, 2, 16, causal=True)(x), target))
    return in_double(g)


def cnn() -> Document:
    with asg.graph("cnn") as g:
        x, target = asg.input("x", (1, 2, 6, 6)), asg.input("target", (1,), "int64")
        layers = (nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 2), nn.GELU())
        y = nn.Sequential(*layers, nn.Flatten(), nn.Linear(16, 5), name="cnn")(x)
        g.output(loss=losses.cross_entropy(y, target))
    return in_double(g)


def point_for(document: Document, names: Sequence[str], **symbols: int) -> dict[str, Array]:
    """Values for everything; those in `names` have the examples along their first axis."""
    generator = np.random.default_rng(3)
    point: dict[str, Array] = {}
    for item in (*document.inputs, *document.parameters):
        shape = [symbols[str(dim)] if str(dim) in symbols else int(str(dim)) for dim in item.shape]
        whole = (COUNT, *shape) if item.id in names else tuple(shape)
        floating = item.dtype.is_floating
        point[item.id] = generator.normal(size=whole) * 0.5 if floating else generator.integers(0, 5, whole)
    return point


def looped(run: Run, document: Document, point: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
    outputs = [output.name for output in document.outputs]
    each = [run(document, {**point, **{name: point[name][index] for name in names}}, outputs) for index in range(COUNT)]
    return {name: np.stack([result[name] for result in each]) for name in outputs}


def assert_as_in_a_loop(
    run: Run, document: Document, mapped: Document, point: Mapping[str, Array], names: Sequence[str]
) -> None:
    assert Document.from_json(mapped.to_json()).types == mapped.types
    expected = looped(run, document, point, names)
    found = run(mapped, point, list(expected))
    for name, wanted in expected.items():
        scale = float(np.max(np.abs(wanted), initial=1.0))
        np.testing.assert_allclose(found[name], wanted, rtol=1e-11, atol=1e-12 * scale, err_msg=name)


@pytest.mark.parametrize("size", ["examples", COUNT])
@pytest.mark.parametrize("model", [mlp, block, cnn])
def test_gradients_of_each_example(model: Callable[[], Document], size: str | int, run: Run) -> None:
    document = grad(model())
    point = point_for(document, ["x", "target"], length=5)
    mapped = vmap(document, size=size)
    assert_as_in_a_loop(run, document, mapped, point, ["x", "target"])
    if isinstance(size, str):  # a size that is given later
        assert_as_in_a_loop(run, document, specialize(mapped, examples=COUNT), point, ["x", "target"])
    assert_as_in_a_loop(run, document, lower(mapped), point, ["x", "target"])


@pytest.mark.parametrize("model", [mlp, block, cnn])
def test_gradients_of_an_ensemble(model: Callable[[], Document], run: Run) -> None:
    """With all parameters mapped, too, each example has weights of its own."""
    document = grad(model())
    names = ["x", *(parameter.id for parameter in document.parameters)]
    point = point_for(document, names, length=5)
    assert_as_in_a_loop(run, document, vmap(document, dict.fromkeys(names, 0), size=COUNT), point, names)


@pytest.mark.parametrize("model", [mlp, block, cnn])
def test_second_derivatives_of_each_example(model: Callable[[], Document], run: Run) -> None:
    document = hessian_vector_product(model())
    point = point_for(document, ["x", "target"], length=3)
    assert_as_in_a_loop(run, document, vmap(document, {"x": 0, "target": 0}), point, ["x", "target"])


@pytest.mark.parametrize("model", [mlp, block, cnn])
def test_gradient_of_what_is_mapped(model: Callable[[], Document], run: Run) -> None:
    """The gradient of the sum of all losses is the sum of the gradients of each."""
    document = model()
    pulled = vjp(vmap(document), "loss")
    point = point_for(document, ["x", "target"], length=5)
    names = [f"grad.{parameter.id}" for parameter in document.parameters]
    expected = looped(run, grad(document), point, ["x", "target"])
    found = run(pulled, {**point, "cotangent.loss": np.ones(COUNT)}, names)
    for name in names:
        wanted = expected[name].sum(axis=0)
        np.testing.assert_allclose(found[name], wanted, rtol=1e-10, atol=1e-12 * np.max(np.abs(wanted), initial=1.0))


def test_mapped_twice(run: Run) -> None:
    """Every x with every target: one is mapped first, the other after it."""
    document = mlp()
    twice = vmap(vmap(document, {"x": 0}), {"target": 0})
    assert [str(item.type) for item in twice.inputs] == ["float64[examples, 3]", "float64[examples2, 2]"]
    point = point_for(document, ["x", "target"])
    found = run(twice, point, ["prediction", "loss"])
    for i in range(COUNT):
        for j in range(COUNT):
            alone = run(document, {**point, "x": point["x"][i], "target": point["target"][j]}, ["prediction", "loss"])
            np.testing.assert_allclose(found["loss"][j, i], alone["loss"], rtol=1e-12)
            np.testing.assert_allclose(found["prediction"][j, i], alone["prediction"], rtol=1e-12)


def test_jacobians(run: Run) -> None:
    """Columns by forward mode along all directions, rows by reverse mode; each against the other."""
    document = mlp()
    point = point_for(document, [])
    forward = vmap(jvp(document, ["x"], "prediction"), {"tangent.x": 0}, size=3)
    columns = run(forward, {**point, "tangent.x": np.eye(3)}, ["tangent.prediction"])["tangent.prediction"]
    reverse = vmap(vjp(document, "prediction", ["x"]), {"cotangent.prediction": 0}, size=2)
    rows = run(reverse, {**point, "cotangent.prediction": np.eye(2)}, ["grad.x"])["grad.x"]
    assert rows.shape == (2, 3)
    np.testing.assert_allclose(columns.T, rows, rtol=1e-12, atol=1e-14)
    step = 1e-6
    shifts = [run(document, {**point, "x": point["x"] + step * e}, ["prediction"])["prediction"] for e in np.eye(3)]
    base = run(document, point, ["prediction"])["prediction"]
    np.testing.assert_allclose(columns, (np.stack(shifts) - base) / step, rtol=1e-4, atol=1e-6)


def test_hessian(run: Run) -> None:
    document = hessian_vector_product(mlp(), wrt=["x"])
    point = point_for(document, [])
    rows = run(vmap(document, {"tangent.x": 0}), {**point, "tangent.x": np.eye(3)}, ["hvp.x"])["hvp.x"]
    np.testing.assert_allclose(rows, rows.T, rtol=1e-10, atol=1e-14)
    assert np.abs(rows).max() > 1e-3


FIRST_OF_EACH_OP = {sample.op.name: sample for sample in reversed(ALL_SAMPLES) if sample.differentiable_operands()}


@pytest.mark.parametrize("sample", FIRST_OF_EACH_OP.values(), ids=lambda sample: sample.id)
def test_gradients_of_every_op(sample: Sample, run: Run) -> None:
    """What is differentiated and then mapped, and what is mapped and then differentiated, are gradients of each."""
    document = sample_document(sample)
    wrt = [f"x{index}" for index in sample.differentiable_operands()]
    outputs = [output.name for output in document.outputs if document.types[output.value].dtype.is_floating]
    pulled = vjp(document, outputs, wrt)
    seeds = [f"cotangent.{name}" for name in outputs]
    names = [*wrt, *seeds]
    point = point_for(pulled, names) | {
        name: np.stack([operand * (1 - 0.03 * number) for number in range(COUNT)]) if name in wrt else operand
        for name, operand in sample_inputs(sample).items()
    }
    gradients = [f"grad.{name}" for name in wrt]
    expected = looped(run, pulled, point, names)
    mapped_after = run(vmap(pulled, dict.fromkeys(names, 0), size=COUNT), point, gradients)
    differentiated_after = run(vjp(vmap(document, dict.fromkeys(wrt, 0)), outputs, wrt), point, gradients)
    for name in gradients:
        scale = float(np.max(np.abs(expected[name]), initial=1.0))
        for found in (mapped_after, differentiated_after):
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-9 * scale, err_msg=name)
