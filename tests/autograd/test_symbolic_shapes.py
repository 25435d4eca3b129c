"""Gradients of documents whose dims are symbols, run at several sizes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from asg_autograd import grad
from asg_schema.composites.reduction import Logsumexp, Mean, Softmax, Var
from asg_schema.dims import Dim, symbol
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.ops.layout import BroadcastTo, Concat, Flip, Pad, PermuteDims, Reshape, Slice
from asg_schema.ops.reduction import CumulativeSum, Max, Prod, Sum

Run = Callable[[Document, Mapping[str, Any], Sequence[str]], dict[str, npt.NDArray[Any]]]
AssertGradients = Callable[..., None]
Penalize = Callable[[Document], Document]

M, N = symbol("m"), symbol("n")


def reshape_to_one_axis(x: Value) -> Value:
    return Reshape.of(x, shape=(M * N,))


def repeat(x: Value) -> Value:
    return BroadcastTo.of(Reshape.of(x, shape=(M, 1, N)), shape=(M, 4, N))


def join_three(x: Value) -> Value:
    return Concat.of(x, x * 2.0, x * x, axis=1)


def take_the_middle(x: Value) -> Value:
    return Slice.of(x, start=(1, 0), stop=(M, N - 1))


def take_every_second(x: Value) -> Value:
    return Slice.of(x, start=(0, 1), stop=(M, N), step=(2, 2))


def pad_with_gaps(x: Value) -> Value:
    return Pad.of(x, low=(0, 1), high=(2, 0), interior=(1, 2), value=3.0)


def cut_by_negative_padding(x: Value) -> Value:
    return Pad.of(x, low=(-1, 2), high=(1, -2))


def pad_by_a_symbol(x: Value) -> Value:
    return Pad.of(x, low=(M, 0), high=(0, N))


def repeat_by_a_sum(x: Value) -> Value:
    return x + Sum.of(x, axis=(0,), keepdims=True)


CASES: list[Callable[[Value], Value]] = [
    reshape_to_one_axis,
    repeat,
    join_three,
    take_the_middle,
    take_every_second,
    pad_with_gaps,
    cut_by_negative_padding,
    pad_by_a_symbol,
    repeat_by_a_sum,
    lambda x: PermuteDims.of(x, axes=(-1, 0)),
    lambda x: Flip.of(x, axis=(1,)),
    lambda x: CumulativeSum.of(x, axis=0, exclusive=True),
    lambda x: CumulativeSum.of(x, axis=-1, reverse=True),
    lambda x: Max.of(x, axis=(1,)),
    lambda x: Prod.of(x, axis=(0,)),
    lambda x: Mean.of(x),
    lambda x: Mean.of(x, axis=(0,)),
    lambda x: Var.of(x, axis=(1,), correction=1.0),
    lambda x: Logsumexp.of(x, axis=(0, 1)),
    lambda x: Softmax.of(x, axis=0),
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("m", "n"), [(2, 3), (3, 2), (5, 4)])
def test_first_and_second_order(
    case: Callable[[Value], Value], m: int, n: int, assert_gradients: AssertGradients, penalize: Penalize
) -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT64, shape=(M, N)))
    y = case(x)
    editor.add_output(Output(name="loss", value=Sum.of(y * y * y).id))
    first = grad(editor.document(), wrt=["x"])
    point = {"x": np.random.default_rng(m).normal(size=(m, n))}
    assert_gradients(first, point, "loss")
    assert_gradients(grad(penalize(first), of="penalty", wrt=["x"]), point, "penalty")


@pytest.mark.parametrize(("shape", "size"), [((M, N), 12), ((3, N), 12), ((M, 4), 12)])
def test_a_mean_divides_by_the_size_at_run_time(shape: tuple[Dim, ...], size: int, run: Run) -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT64, shape=shape))
    editor.add_output(Output(name="loss", value=Mean.of(x).id))
    found = run(grad(editor.document(), wrt=["x"]), {"x": np.zeros((3, 4))}, ["grad.x"])["grad.x"]
    np.testing.assert_allclose(found, np.full((3, 4), 1 / size))


@pytest.mark.parametrize(("start", "step"), [(0, 2), (0, 3), (1, 2), (2, 3), (3, 4)])
@pytest.mark.parametrize("more", range(6))
def test_a_slice_with_steps_may_be_empty_at_run_time(start: int, step: int, more: int, run: Run) -> None:
    size = start + more
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT64, shape=(2, N)))
    y = Slice.of(x, start=(0, start), stop=(2, N), step=(1, step))
    editor.add_output(Output(name="loss", value=Sum.of(y * y * y).id))
    first = grad(editor.document(), wrt=["x"])
    editor = Editor()
    editor.load(first)
    editor.add_output(Output(name="total", value=Sum.of(editor.value(first.outputs[-1].value)).id))
    second = grad(editor.document(), of="total", wrt=["x"])
    point = np.random.default_rng(size).normal(size=(2, size))
    taken = np.zeros((2, size))
    taken[:, start::step] = 1.0
    found = run(second, {"x": point}, ["grad.x", "grad2.x"])
    np.testing.assert_allclose(found["grad.x"], 3 * point**2 * taken, rtol=1e-14)
    np.testing.assert_allclose(found["grad2.x"], 6 * point * taken, rtol=1e-14)


def test_a_symbol_is_not_assumed_to_be_one(run: Run) -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT64, shape=(M, N)))
    row = editor.add_input(Input(id="row", dtype=DType.FLOAT64, shape=(N,)))
    editor.add_output(Output(name="loss", value=Sum.of(x * row).id))
    document = grad(editor.document(), wrt=["row"])
    for m, n in ((1, 1), (1, 3), (4, 1), (4, 3)):
        data = np.arange(float(m * n)).reshape(m, n)
        found = run(document, {"x": data, "row": np.ones(n)}, ["grad.row"])["grad.row"]
        np.testing.assert_array_equal(found, data.sum(axis=0))


def test_one_document_serves_all_sizes(run: Run) -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT64, shape=(M, N)))
    editor.add_output(Output(name="loss", value=Mean.of(Softmax.of(x) * x).id))
    document = grad(editor.document(), wrt=["x"])
    for m, n in ((1, 1), (2, 5)):
        found = run(document, {"x": np.ones((m, n))}, ["grad.x"])["grad.x"]
        np.testing.assert_allclose(found, np.full((m, n), 1 / (m * n * n)))
