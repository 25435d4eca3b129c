"""The losses: values by hand, derivatives by finite differences, what they accept and what they refuse."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import asg_builder as asg
import asg_executor
from asg_autograd import grad
from asg_builder import losses
from asg_builder.arrays import dtype_of
from asg_schema.document import Document
from asg_schema.errors import AsgError
from builder_harness.losses import CASES, REDUCTIONS, LossCase, document_of
from op_samples.finite_differences import directional_derivative, numerical_gradient, step_sizes
from op_samples.sample import Array

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
every_reduction = pytest.mark.parametrize("reduction", REDUCTIONS)


def run(document: Document, inputs: Mapping[str, Any], outputs: list[str]) -> dict[str, Array]:
    return asg_executor.run(document, inputs, outputs=outputs)


def inputs_of(case: LossCase, document: Document) -> dict[str, Array]:
    shape = [int(str(dim)) for dim in document.inputs[-1].shape]
    return {**case.arrays, "weights": 1.0 + np.arange(math.prod(shape), dtype=np.float64).reshape(shape)}


def test_every_loss_has_a_case() -> None:
    assert sorted({case.name for case in CASES}) == sorted(losses.__all__)


@every_reduction
@every_case
def test_derivatives_are_those_of_finite_differences(case: LossCase, reduction: str) -> None:
    document = document_of(case, reduction)
    inputs = inputs_of(case, document)
    found = run(document, inputs, [f"grad.{name}" for name in case.wrt])
    for name in case.wrt:
        expected = numerical_gradient(lambda at: run(document, at, ["total"])["total"], inputs, name, np.array(1.0))
        np.testing.assert_allclose(found[f"grad.{name}"], expected, rtol=1e-7, atol=1e-8, err_msg=name)


@every_case
def test_second_derivatives_are_those_of_finite_differences(case: LossCase) -> None:
    first = document_of(case, "sum")
    outputs = [f"grad.{name}" for name in case.wrt]
    inputs = inputs_of(case, first)
    rng = np.random.default_rng(0)
    along = {name: rng.normal(size=case.arrays[name].shape) for name in case.wrt}

    def slope(at: Mapping[str, Array]) -> Array:
        gradients = run(first, at, outputs)
        return np.asarray(sum(np.sum(along[name] * gradients[f"grad.{name}"]) for name in case.wrt))

    with asg.graph("slope") as g:
        g.load(first)
        terms = [asg.sum(g.value(item.value) * along[item.name.removeprefix("grad.")]) for item in first.outputs[2:]]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        g.output(slope=total)
    second = grad(g.document(), of="slope", wrt=case.wrt)
    found = run(second, inputs, [f"grad2.{name}" for name in case.wrt])
    for name in case.wrt:
        direction = rng.normal(size=inputs[name].shape) * step_sizes(inputs[name])
        expected = directional_derivative(slope, inputs, {name: direction})
        length = float(np.max(np.abs(direction)))
        exact = np.sum(found[f"grad2.{name}"] * direction)
        np.testing.assert_allclose(exact / length, expected / length, rtol=1e-6, atol=1e-7, err_msg=name)


@every_reduction
@every_case
def test_symbolic_dims(case: LossCase, reduction: str) -> None:
    concrete, symbolic = document_of(case, reduction), document_of(case, reduction, symbolic=True)
    inputs, outputs = inputs_of(case, concrete), ["loss", *(f"grad.{name}" for name in case.wrt)]
    expected = run(concrete, inputs, outputs)
    for name, array in run(symbolic, inputs, outputs).items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-13, atol=1e-15, err_msg=name)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@every_case
def test_narrow_dtypes(case: LossCase, dtype: str) -> None:
    """The result has the input's dtype; it is that in float64 of the same operands, rounded."""
    precision = {"float32": 2e-6, "float16": 2e-3, "bfloat16": 1.6e-2}[dtype]
    found: list[Any] = []
    for is_narrow in (True, False):
        with asg.graph() as graph:
            tensors: dict[str, asg.Tensor] = {}
            for name, array in case.arrays.items():
                rounded = asg.input(name, array.shape, dtype_of(array))
                if array.dtype == np.float64:
                    rounded = rounded.astype(dtype)
                    rounded = rounded if is_narrow else rounded.astype("float64")
                tensors[name] = rounded
            operands = [tensors.pop(f"x{index}") for index in range(len(case.operands))]
            loss = case.function(*operands, **{**case.options, **tensors}, reduction="none")
            assert loss.dtype.value == (dtype if is_narrow else "float64")
            graph.output(loss=loss.astype("float64"))
        found.append(run(graph.document(), case.arrays, ["loss"])["loss"])
    scale = max(1.0, float(np.max(np.abs(found[1]))))
    np.testing.assert_allclose(found[0], found[1], rtol=precision, atol=precision * scale)


def value_and_gradient(
    loss: Callable[..., asg.Tensor], *operands: Any, dtype: str = "float64", **options: Any
) -> tuple[Array, Array]:
    """A loss with "none", and the derivative of its sum by its first operand."""
    arrays = [np.asarray(x, dtype if np.asarray(x).dtype.kind == "f" else None) for x in operands]
    with asg.graph("loss") as g:
        tensors = [asg.input(f"x{index}", array.shape, dtype_of(array)) for index, array in enumerate(arrays)]
        single = loss(*tensors, **options, reduction="none")
        g.output(loss=single, total=asg.sum(single))
    document = grad(g.document(), of="total", wrt=["x0"])
    found = run(document, {f"x{index}": array for index, array in enumerate(arrays)}, ["loss", "grad.x0"])
    return found["loss"], found["grad.x0"]


LOG2 = math.log(2.0)


@pytest.mark.parametrize(
    ("loss", "operands", "options", "value", "gradient"),
    [
        (losses.mse, ([1.0, -2.0], [3.0, -2.0]), {}, [4.0, 0.0], [-4.0, 0.0]),
        (losses.l1, ([1.0, 2.0, -2.0], [3.0, 2.0, -5.0]), {}, [2.0, 0.0, 3.0], [-1.0, 0.0, 1.0]),
        (losses.smooth_l1, ([0.5, 3.0, -2.0], [0.0, 0.0, 0.0]), {}, [0.125, 2.5, 1.5], [0.5, 1.0, -1.0]),
        (losses.smooth_l1, ([1.0, 3.0], [0.0, 0.0]), {"beta": 2.0}, [0.25, 2.0], [0.5, 1.0]),
        (losses.smooth_l1, ([0.0, 3.0], [0.0, 0.0]), {"beta": 0.0}, [0.0, 3.0], [0.0, 1.0]),
        (losses.huber, ([1.0, 3.0, -3.0], [0.0, 0.0, 0.0]), {"delta": 2.0}, [0.5, 4.0, 4.0], [1.0, 2.0, -2.0]),
        (losses.hinge, ([0.25, 2.0, 0.5], [1, 1, -1]), {}, [0.75, 0.0, 1.5], [-1.0, 0.0, 1.0]),
        (losses.squared_hinge, ([0.5, 2.0, 0.5], [1, 1, -1]), {}, [0.25, 0.0, 2.25], [-1.0, 0.0, 3.0]),
        (losses.bce_with_logits, ([0.0, 0.0], [1, 0]), {}, [LOG2, LOG2], [-0.5, 0.5]),
        (losses.bce_with_logits, ([0.0, 0.0], [True, False]), {"pos_weight": 3.0}, [3 * LOG2, LOG2], [-1.5, 0.5]),
        (losses.bce_with_logits, ([0.0, 0.0], [1, 0]), {"weight": np.array([2, 4])}, [2 * LOG2, 4 * LOG2], [-1.0, 2.0]),
        (losses.binary_cross_entropy, ([0.5, 0.25], [1, 0]), {}, [LOG2, math.log(4 / 3)], [-2.0, 4 / 3]),
        # ½² · log 2 and its derivative, ¼ · (-½) - 2 · ½ · ¼ · log 2, times 1.
        (losses.focal, ([0.0], [1]), {"alpha": None}, [LOG2 / 4], [-0.125 - LOG2 / 4]),
        (losses.focal, ([0.0, 0.0], [1, 0]), {"gamma": 0.0}, [LOG2 / 4, 0.75 * LOG2], [-0.125, 0.375]),
        (losses.kl_divergence, ([-LOG2, 0.0], [1.0, 0.0]), {}, [LOG2, 0.0], [-1.0, 0.0]),
        (losses.kl_divergence, ([-LOG2, 0.0], [0.0, -math.inf]), {"log_target": True}, [LOG2, 0.0], [-1.0, 0.0]),
        (losses.nll, ([[-1.0, -2.0, -3.0]], [2]), {}, [3.0], [[0.0, 0.0, -1.0]]),
        (losses.cross_entropy, ([[0.0, 0.0]], [1]), {}, [LOG2], [[0.5, -0.5]]),
        (losses.cross_entropy, ([[0.0, 0.0]], [1]), {"label_smoothing": 0.5}, [LOG2], [[0.25, -0.25]]),
        (losses.margin_ranking, ([1.0, 1.0], [2.0, 0.0], [1, 1]), {"margin": 0.5}, [1.5, 0.0], [-1.0, 0.0]),
        (losses.cosine_embedding, ([[1.0, 0.0]], [[0.0, 2.0]], [1]), {}, [1.0], [[0.0, -1.0]]),
        (losses.cosine_embedding, ([[1.0, 0.0]], [[0.0, 2.0]], [-1]), {"margin": -0.5}, [0.5], [[0.0, 1.0]]),
        (
            losses.triplet_margin,
            ([[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 2.0]]),
            {"eps": 0.0},
            [4.0],  # 5 - 2 + 1
            [[-0.6, -0.8 + 1.0]],
        ),
        (
            losses.triplet_margin,
            ([[0.0, 0.0]], [[3.0, 4.0]], [[3.0, 5.0]]),
            {"eps": 0.0, "swap": True, "p": math.inf},
            [4.0],  # the negative is at 5 from the anchor, and at 1 from the positive
            [[0.0, -1.0]],
        ),
    ],
)
def test_by_hand(loss: Any, operands: Any, options: Any, value: Any, gradient: Any) -> None:
    found = value_and_gradient(loss, *operands, **options)
    np.testing.assert_allclose(found[0], value, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(found[1], gradient, rtol=1e-11, atol=1e-11)


FAR = [1e4, -1e4, 100.0, -100.0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("loss", "options"),
    [
        (losses.bce_with_logits, {}),
        (losses.bce_with_logits, {"pos_weight": 7.0}),
        *((losses.focal, {"gamma": gamma}) for gamma in (0.0, 0.5, 1.0, 2.0, 3.7)),
    ],
)
@pytest.mark.parametrize("target", [0.0, 1.0, 0.25])
def test_scores_far_out(loss: Any, options: Any, target: float, dtype: str) -> None:
    value, gradient = value_and_gradient(loss, FAR, [target] * 4, dtype=dtype, **options)
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()
    if target != 0.25:
        # What is right costs nothing; what is wrong costs its distance, with a slope of the size of its weight.
        right = np.array(FAR) * (2 * target - 1) > 0
        share = {0.0: 1.0, 1.0: options.get("pos_weight", 1.0)}[target]
        share *= 1.0 if loss is losses.bce_with_logits else {0.0: 0.75, 1.0: 0.25}[target]
        np.testing.assert_allclose(value, np.where(right, 0.0, share * np.abs(FAR)), rtol=1e-6, atol=1e-20)
        np.testing.assert_allclose(gradient, np.where(right, 0.0, share * np.sign(FAR)), rtol=1e-6, atol=1e-20)


def test_what_is_nearly_right_has_a_loss_that_is_not_rounded_away() -> None:
    for target, score in ((1, 40.0), (0, -40.0)):
        value, gradient = value_and_gradient(losses.bce_with_logits, [score], [target])
        np.testing.assert_allclose(value, math.exp(-40.0), rtol=1e-14)
        np.testing.assert_allclose(gradient, [math.copysign(math.exp(-40.0), -score)], rtol=1e-14)


def test_errors_whose_square_overflows() -> None:
    for loss in (losses.huber, losses.smooth_l1):
        value, gradient = value_and_gradient(loss, [1e300, -1e300], [0.0, 0.0])
        np.testing.assert_array_equal(value, [1e300, 1e300])
        np.testing.assert_array_equal(gradient, [1.0, -1.0])


def test_a_sum_that_half_precision_could_not_hold() -> None:
    with asg.graph("half") as g:
        x, y = asg.input("x", ("n",), "float16"), asg.input("y", ("n",), "float16")
        g.output(loss=losses.mse(x, y))
    ones = np.full(4096, 20.0, np.float16)
    np.testing.assert_array_equal(run(g.document(), {"x": ones, "y": 0 * ones}, ["loss"])["loss"], np.float16(400.0))


def test_equal_vectors_have_finite_derivatives() -> None:
    choices: list[dict[str, Any]] = [{}, {"p": 1.5}, {"p": 4.0}, {"p": math.inf}, {"swap": True}]
    for options in choices:
        same = [[1.0, 2.0]]
        value, gradient = value_and_gradient(losses.triplet_margin, same, same, same, eps=0.0, **options)
        np.testing.assert_array_equal(value, [1.0])
        np.testing.assert_array_equal(gradient, [[0.0, 0.0]])


def test_the_mean_over_classes_divides_by_the_weights_that_count() -> None:
    scores, target = np.zeros((3, 2)), np.array([0, 1, -100])
    with asg.graph("mean") as g:
        x, t = asg.input("x", (3, 2), "float64"), asg.input("t", (3,), "int64")
        weight = np.array([1.0, 3.0])
        g.output(
            weighted=losses.cross_entropy(x + np.array([[1.0], [2.0], [3.0]]), t, weight, ignore_index=-100),
            counted=losses.nll(x - np.array([[1.0], [2.0], [30.0]]), t, ignore_index=-100),
            weighted_nll=losses.nll(x - np.array([[1.0], [2.0], [30.0]]), t, weight, ignore_index=-100),
        )
    found = asg_executor.run(g.document(), {"x": scores, "t": target})
    np.testing.assert_allclose(found["weighted"], LOG2)
    np.testing.assert_allclose(found["counted"], 1.5)
    np.testing.assert_allclose(found["weighted_nll"], (1 * 1 + 3 * 2) / 4)


def test_the_mean_over_the_batch() -> None:
    with asg.graph("kl") as g:
        x, t = asg.input("x", ("n", 3), "float64"), asg.input("t", ("n", 3), "float64")
        g.output(
            loss=losses.kl_divergence(x, t, reduction="batchmean"), sum=losses.kl_divergence(x, t, reduction="sum")
        )
    rng = np.random.default_rng(0)
    found = asg_executor.run(g.document(), {"x": -rng.random((4, 3)), "t": rng.random((4, 3))})
    np.testing.assert_allclose(found["loss"], found["sum"] / 4)


def test_a_reader_sees_the_name_of_the_loss() -> None:
    owned = {"cross_entropy", "nll"}
    for case in CASES:
        with asg.graph("named") as g:
            tensors = {name: asg.input(name, array.shape, dtype_of(array)) for name, array in case.arrays.items()}
            operands = [tensors.pop(f"x{index}") for index in range(len(case.operands))]
            case.function(*operands, **{**case.options, **tensors})
        assert all(node.id.startswith(case.name if case.name in owned else f"{case.name}.") for node in g.nodes)
        assert g.scope == ""


REFUSED: list[tuple[str, Callable[[dict[str, asg.Tensor]], asg.Tensor], str]] = [
    ("shape", lambda t: losses.l1(t["x"], t["column"]), r"l1: .*\[3\].* and .*\[3, 1\].* differ in shape; reshape one"),
    ("shape_of_two", lambda t: losses.margin_ranking(t["x"], t["column"], t["x"]), "differ in shape"),
    ("shape_of_pair", lambda t: losses.cosine_embedding(t["column"], t["column"], t["column"]), "differ in shape"),
    ("dtype", lambda t: losses.huber(t["x"], t["double"]), "differ in dtype; write astype"),
    ("dtype_of_two", lambda t: losses.margin_ranking(t["x"], t["double"], t["x"]), "differ in dtype; write astype"),
    ("integer", lambda t: losses.mse(t["index"], t["index"]), "not of a floating-point dtype"),
    ("beta", lambda t: losses.smooth_l1(t["x"], t["x"], beta=-1.0), "beta is -1.0; a finite number of at least 0"),
    ("delta", lambda t: losses.huber(t["x"], t["x"], delta=0.0), "delta is 0.0; a finite number above 0 is needed"),
    ("gamma", lambda t: losses.focal(t["x"], t["x"], gamma=-1.0), "gamma is -1.0; a finite number of at least 0"),
    ("alpha", lambda t: losses.focal(t["x"], t["x"], alpha=2.0), "alpha is 2.0; a number from 0 to 1, or None"),
    (
        "cosine",
        lambda t: losses.cosine_embedding(t["column"], t["column"], t["x"], margin=2),
        "margin is 2; a number fr",
    ),
    ("margin", lambda t: losses.margin_ranking(t["x"], t["x"], t["x"], margin=math.nan), "margin is nan; a finite"),
    (
        "triplet",
        lambda t: losses.triplet_margin(t["x"], t["x"], t["x"], margin=0.0),
        "a finite number above 0 is needed",
    ),
    ("p", lambda t: losses.triplet_margin(t["x"], t["x"], t["x"], p=0.0), "p is 0.0; a number above 0 is needed"),
    ("eps", lambda t: losses.triplet_margin(t["x"], t["x"], t["x"], eps=-1.0), "eps is -1.0; a finite number of"),
    ("weight", lambda t: losses.bce_with_logits(t["x"], t["x"], t["column"]), "weight is .*; a shape that broadcasts"),
    ("pos", lambda t: losses.bce_with_logits(t["x"], t["x"], pos_weight=[1.0, 2.0]), "pos_weight is .*; a shape that"),
    (
        "weight_dtype",
        lambda t: losses.bce_with_logits(t["x"], t["x"], t["double"]),
        "weight is .*double.*; write astype",
    ),
    ("rank_0", lambda t: losses.kl_divergence(t["one"], t["one"], reduction="batchmean"), "no axis to divide by"),
    (
        "batchmean",
        lambda t: losses.mse(t["x"], t["x"], reduction="batchmean"),  # pyright: ignore[reportArgumentType] - wrong on purpose
        'mse: there is no reduction "batchmean"; known are mean, sum and none',
    ),
]


@pytest.mark.parametrize(("build", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_refused(build: Callable[[dict[str, asg.Tensor]], asg.Tensor], message: str) -> None:
    with asg.graph("refused") as g:
        tensors = {
            "x": asg.input("x", (3,)),
            "column": asg.input("column", (3, 1)),
            "double": asg.input("double", (3,), "float64"),
            "index": asg.input("index", (3,), "int64"),
            "one": asg.input("one", ()),
        }
        with pytest.raises(AsgError, match=message):
            build(tensors)
        assert g.scope == ""
