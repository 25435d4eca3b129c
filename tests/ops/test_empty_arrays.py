"""Ops over axes without elements: the same results whether the size is in the document or found when it runs."""

import math
from typing import Any

import numpy as np
import pytest

import asg_executor
from asg_autograd import vjp
from asg_schema.composites.contraction import Attention
from asg_schema.composites.reduction import LogSoftmax, Logsumexp, Mean, Softmax, Var
from asg_schema.composites.reduction_losses import CrossEntropy
from asg_schema.dims import symbol
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor
from asg_schema.op import Op
from asg_schema.ops.reduction import Prod, Sum

CASES: list[tuple[type[Op], dict[str, Any], float]] = [
    (Sum, {"axis": [1]}, 0.0),
    (Prod, {"axis": [1]}, 1.0),
    (Mean, {"axis": [1]}, math.nan),
    (Var, {"axis": [1], "keepdims": True}, math.nan),
    (Logsumexp, {"axis": [1]}, -math.inf),
    (Logsumexp, {"axis": [1], "keepdims": True}, -math.inf),
    (Logsumexp, {}, -math.inf),
    (Softmax, {"axis": 1}, math.nan),
    (LogSoftmax, {"axis": 1}, math.nan),
    (Softmax, {"axis": 0}, math.nan),
]


def document_of(op: type[Op], attributes: dict[str, Any], *, symbolic: bool, dtype: DType = DType.FLOAT64) -> Document:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=dtype, shape=(2, symbol("n") if symbolic else 0)))
    editor.add_output(Output(name="y", value=op.of(x, **attributes).id))
    return editor.document()


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize(("op", "attributes", "expected"), CASES)
def test_results_and_gradients(op: type[Op], attributes: dict[str, Any], expected: float, symbolic: bool) -> None:
    document = document_of(op, attributes, symbolic=symbolic)
    x = np.zeros((2, 0))
    y = asg_executor.run(document, {"x": x}, engine="numpy")["y"]
    if attributes.get("keepdims"):
        assert y.shape == (2, 1)
    np.testing.assert_array_equal(y, np.full(y.shape, expected))
    first = vjp(document, ["y"], ["x"])
    second = vjp(first, ["grad.x"], ["x"])
    inputs = {"x": x, "cotangent.y": np.ones(y.shape), "cotangent.grad.x": x}
    results = asg_executor.run(second, inputs, engine="numpy")
    assert results["grad.x"].shape == results["grad2.x"].shape == (2, 0)


@pytest.mark.parametrize("op", [Softmax, LogSoftmax, Logsumexp])
def test_half_precision(op: type[Op]) -> None:
    document = document_of(op, {}, symbolic=False, dtype=DType.FLOAT16)
    result = asg_executor.run(document, {"x": np.zeros((2, 0), np.float16)}, engine="numpy")["y"]
    assert result.dtype == np.float16


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("keys", [0, symbol("keys")])
def test_attention_to_no_key_yields_zero(keys: Any, masked: bool) -> None:
    editor = Editor()
    query = editor.add_input(Input(id="query", dtype=DType.FLOAT64, shape=(2, 3)))
    key = editor.add_input(Input(id="key", dtype=DType.FLOAT64, shape=(keys, 3)))
    value = editor.add_input(Input(id="value", dtype=DType.FLOAT64, shape=(keys, 4)))
    mask = [editor.add_input(Input(id="mask", dtype=DType.BOOL, shape=(2, keys)))] if masked else []
    editor.add_output(Output(name="y", value=Attention.of(query, key, value, *mask).id))
    inputs: dict[str, Any] = {"query": np.ones((2, 3)), "key": np.ones((0, 3)), "value": np.ones((0, 4))}
    if masked:
        inputs["mask"] = np.ones((2, 0), np.bool_)
    result = asg_executor.run(editor.document(), inputs, engine="numpy")["y"]
    np.testing.assert_array_equal(result, np.zeros((2, 4)))


@pytest.mark.parametrize("classes", [0, symbol("classes")])
def test_cross_entropy_of_no_classes_is_an_empty_sum(classes: Any) -> None:
    editor = Editor()
    scores = editor.add_input(Input(id="scores", dtype=DType.FLOAT64, shape=(2, classes)))
    editor.add_output(Output(name="y", value=CrossEntropy.of(scores, scores, reduction="none").id))
    result = asg_executor.run(editor.document(), {"scores": np.zeros((2, 0))}, engine="numpy")["y"]
    np.testing.assert_array_equal(result, [0.0, 0.0])
