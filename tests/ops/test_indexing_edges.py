"""What becomes of repeated index tuples, of padding rows, and of indices out of range in tuples and classes."""

from typing import Any

import numpy as np
import pytest

import asg_executor
from asg_autograd import vjp
from asg_executor.engines.lookup import engine_names
from asg_executor.errors import IndexOutOfRangeError
from asg_schema.composites.indexing import Embedding, OneHot
from asg_schema.op import Op
from asg_schema.ops.indexing_nd import GatherNd, ScatterNdAdd, ScatterNdSet
from op_samples.sample import Array, Sample, floats, sample_document, sample_inputs, spread

every_engine = pytest.mark.parametrize("engine", engine_names())


def gradients(op: type[Op], operands: tuple[Array, ...], wrt: list[str], **attributes: Any) -> list[Array]:
    """The derivatives of the sum of the result's elements, each times its number from 1."""
    sample = Sample("edge", op, operands, attributes, lambda: np.zeros(()))
    document = sample_document(sample)
    y = asg_executor.run(document, sample_inputs(sample))["y0"]
    cotangent = np.cumsum(np.ones(y.size)).reshape(y.shape)
    results = asg_executor.run(vjp(document, ["y0"], wrt), {**sample_inputs(sample), "cotangent.y0": cotangent})
    return [results[f"grad.{name}"] for name in wrt]


@pytest.mark.parametrize("inner", [(), (1,)])
def test_only_the_last_of_repeated_tuples_gets_the_gradient(inner: tuple[int, ...]) -> None:
    # 2 is overwritten twice, once under its name from the end.
    indices = np.array([[2], [0], [-1], [2]])
    by_x, by_source = gradients(ScatterNdSet, (spread(3, *inner), indices, spread(4, *inner)), ["x0", "x2"])
    np.testing.assert_array_equal(by_x.reshape(-1), [0.0, 2.0, 0.0])
    np.testing.assert_array_equal(by_source.reshape(-1), [0.0, 1.0, 0.0, 3.0])


def test_repeated_tuples_in_batches_are_told_apart() -> None:
    indices = np.array([[[0], [0]], [[1], [0]]])
    by_x, by_source = gradients(ScatterNdSet, (spread(2, 2), indices, spread(2, 2)), ["x0", "x2"], batch_dims=1)
    np.testing.assert_array_equal(by_x, [[0.0, 2.0], [0.0, 0.0]])
    np.testing.assert_array_equal(by_source, [[0.0, 1.0], [4.0, 3.0]])


@pytest.mark.parametrize("padding_idx", [1, -2])
def test_a_padding_row_gets_no_gradient(padding_idx: int) -> None:
    (actual,) = gradients(Embedding, (np.array([0, 1, 1, 2]), spread(3, 1)), ["x1"], padding_idx=padding_idx)
    np.testing.assert_array_equal(actual, [[1.0], [0.0], [4.0]])


_CASES: list[tuple[type[Op], tuple[Array, ...], dict[str, Any], str]] = [
    (
        GatherNd,
        (spread(3, 2), np.array([[0, 1], [3, 0]])),
        {},
        "index 3 at [1, 0] of the indices is out of range for axis 0 of size 3; an index from -3 to 2 is needed",
    ),
    (
        GatherNd,
        (spread(3, 2), np.array([[[0]], [[-3]], [[1]]])),
        {"batch_dims": 1},
        "index -3 at [1, 0, 0] of the indices is out of range for axis 1 of size 2; an index from -2 to 1 is needed",
    ),
    (
        ScatterNdAdd,
        (spread(3, 2), np.array([[0, 2]], np.int32), floats(1.0)),
        {},
        "index 2 at [0, 1] of the indices is out of range for axis 1 of size 2; an index from -2 to 1 is needed",
    ),
    (
        ScatterNdSet,
        (spread(3), np.array([0]), np.array(1.0)),
        {},
        "",
    ),
    (
        ScatterNdSet,
        (spread(3), np.array([-4]), np.array(1.0)),
        {},
        "index -4 at [0] of the indices is out of range for axis 0 of size 3; an index from -3 to 2 is needed",
    ),
    (
        GatherNd,
        (np.zeros((0, 2)), np.array([[0]])),
        {},
        "index 0 at [0, 0] of the indices is out of range for axis 0 of size 0; an index from 0 to -1 is needed",
    ),
    (
        OneHot,
        (np.array([0, 4]),),
        {"num_classes": 4},
        "a negative index, or 4, at [1, 0] of the indices is out of range for axis 1 of size 4; an index from 0 to 3 "
        "is needed",
    ),
    (
        Embedding,
        (np.array([[0], [-1]]), spread(3, 2)),
        {},
        "a negative index, or 3, at [1, 0] of the indices is out of range for axis 0 of size 3; an index from 0 to 2 "
        "is needed",
    ),
]


@every_engine
@pytest.mark.parametrize(("op", "operands", "attributes", "message"), _CASES)
def test_index_out_of_range(
    op: type[Op], operands: tuple[Array, ...], attributes: dict[str, Any], message: str, engine: str
) -> None:
    sample = Sample("edge", op, operands, attributes, lambda: np.zeros(()))
    if not message:
        asg_executor.run(sample_document(sample), sample_inputs(sample), engine=engine)
        return
    with pytest.raises(IndexOutOfRangeError) as caught:
        asg_executor.run(sample_document(sample), sample_inputs(sample), engine=engine)
    assert str(caught.value) == f'node "result" ({op.name}): {message}'
