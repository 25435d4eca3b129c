"""Bringing a cotangent to its operand's shape, and broadcasting of every kind through whole gradients."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from asg_autograd import vjp
from asg_autograd.simplifying_editor import SimplifyingEditor
from asg_autograd.unbroadcast import unbroadcast
from asg_schema.dims import Dim, symbol
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor
from asg_schema.op import Op
from asg_schema.op_table import OPS

Run = Callable[[Document, Mapping[str, Any], Sequence[str]], dict[str, npt.NDArray[Any]]]
BATCH = symbol("batch")


def unbroadcast_document(source: tuple[Dim, ...], target: tuple[Dim, ...], dtype: DType = DType.FLOAT64) -> Document:
    editor = SimplifyingEditor()
    x = editor.add_input(Input(id="x", dtype=dtype, shape=source))
    editor.add_output(Output(name="y", value=unbroadcast(x, target).id))
    return editor.document()


@pytest.mark.parametrize(
    ("source", "target", "ops"),
    [
        ((2, 3), (2, 3), []),
        ((2, 3), (3,), ["sum"]),
        ((2, 3), (), ["sum"]),
        ((2, 3), (1, 3), ["sum"]),
        ((2, 3), (2, 1), ["sum"]),
        ((4, 2, 3), (1, 3), ["sum", "reshape"]),
        ((4, 2, 3), (1, 1), ["sum", "reshape"]),
        ((1, 2, 3), (2, 3), ["reshape"]),
        ((), (2, 3), ["broadcast_to"]),
        ((3,), (2, 3), ["broadcast_to"]),
        ((2, 1), (2, 3), ["broadcast_to"]),
        ((4, 1), (1, 3), ["sum", "broadcast_to"]),
        ((BATCH, 3), (3,), ["sum"]),
        ((BATCH, 3), (1, 3), ["sum"]),
        ((BATCH, 1), (BATCH, 3), ["broadcast_to"]),
        ((7, BATCH, 3), (BATCH, 1), ["sum", "reshape"]),
    ],
)
def test_shapes(source: tuple[Dim, ...], target: tuple[Dim, ...], ops: list[str], run: Run) -> None:
    document = unbroadcast_document(source, target)
    assert document.types[document.outputs[0].value].shape == target
    assert [node.name for node in document.nodes] == ops

    def bind(shape: tuple[Dim, ...]) -> list[int]:
        return [dim if isinstance(dim, int) else 5 for dim in shape]

    x = np.random.default_rng(0).normal(size=bind(source))
    # The adjoint of broadcasting: the sum over all that is repeated, and repetition of what was left short.
    padded = x.reshape([1] * (len(target) - x.ndim) + list(x.shape))
    added = padded.ndim - len(target)
    summed = padded.sum(axis=tuple(range(added)))
    for axis, dim in enumerate(bind(target)):
        if dim == 1:
            summed = summed.sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(run(document, {"x": x}, ["y"])["y"], np.broadcast_to(summed, bind(target)))


def test_half_precision_is_summed_in_single(run: Run) -> None:
    document = unbroadcast_document((5000,), (), DType.FLOAT16)
    assert [node.name for node in document.nodes] == ["astype", "sum", "astype"]
    ones = np.ones(5000, np.float16)
    assert run(document, {"x": ones}, ["y"])["y"] == 5000, "half precision cannot count beyond 2048"


SHAPES = [(), (1,), (3,), (1, 3), (2, 1), (2, 3), (1, 1, 1), (4, 1, 3)]
BINARY = ["add", "subtract", "multiply", "divide", "pow", "maximum", "minimum", "atan2", "remainder"]


def broadcast_document(op: type[Op], *shapes: tuple[int, ...]) -> Document:
    editor = Editor()
    operands = [
        editor.add_input(Input(id=f"x{index}", dtype=DType.FLOAT64, shape=shape)) for index, shape in enumerate(shapes)
    ]
    (y,) = editor.emit(op, operands, {})
    editor.add_output(Output(name="y", value=y.id))
    return editor.document()


@pytest.mark.parametrize(("first", "second"), [*itertools.product(SHAPES, SHAPES)])
def test_every_binary_op_equals_itself_with_its_operands_broadcast_first(
    first: tuple[int, ...], second: tuple[int, ...], run: Run
) -> None:
    generator = np.random.default_rng(1)
    a, b = generator.uniform(0.5, 2.0, first), generator.uniform(0.5, 2.0, second)
    shape = np.broadcast_shapes(first, second)
    cotangent = generator.normal(size=shape)
    for name in BINARY:
        small = vjp(broadcast_document(OPS[name], first, second), "y", ["x0", "x1"])
        large = vjp(broadcast_document(OPS[name], shape, shape), "y", ["x0", "x1"])
        outputs = ["grad.x0", "grad.x1"]
        found = run(small, {"x0": a, "x1": b, "cotangent.y": cotangent}, outputs)
        wide = {"x0": np.broadcast_to(a, shape), "x1": np.broadcast_to(b, shape), "cotangent.y": cotangent}
        repeated = run(large, wide, outputs)
        for output, operand in zip(outputs, (a, b), strict=True):
            expected = _sum_to(repeated[output], operand.shape)
            np.testing.assert_allclose(found[output], expected, rtol=1e-12, atol=1e-13, err_msg=name)


def _sum_to(array: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    result = np.zeros(shape)
    for index in np.ndindex(array.shape):
        source = [place if size > 1 else 0 for place, size in zip(index[array.ndim - len(shape) :], shape, strict=True)]
        result[tuple(source)] += array[index]
    return result
