"""Indexing against NumPy's, at random and in the corners."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import asg_builder as asg
from asg_builder.graph import Graph
from asg_schema import AsgError, DocumentError
from builder_harness.evaluation import evaluate

shapes = npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
any_index = shapes.flatmap(
    lambda shape: st.tuples(st.just(shape), npst.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
)


@given(any_index)
def test_basic_indexing_is_numpys(shape_and_index: tuple[tuple[int, ...], Any]) -> None:
    shape, index = shape_and_index
    array = np.arange(int(np.prod(shape)), dtype=np.int32).reshape(shape)
    np.testing.assert_array_equal(evaluate(lambda x: x[index], array)[0], array[index], strict=True)


@st.composite
def index_with_array(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[Any, ...], int, np.ndarray]:
    """A shape, an index of slices and new axes, and in one place of it an array of positions."""
    shape = draw(npst.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    axis = draw(st.integers(0, len(shape) - 1))
    entries: list[Any] = [draw(st.slices(size)) for size in shape]
    positions = draw(
        npst.arrays(
            np.int64, npst.array_shapes(max_dims=2, max_side=3), elements=st.integers(-shape[axis], shape[axis] - 1)
        )
    )
    entries[axis] = positions
    place = draw(st.integers(0, len(entries)))
    if draw(st.booleans()):
        entries.insert(place, None)
        axis += place <= axis
    return shape, tuple(entries), axis, positions


@given(index_with_array())
def test_an_integer_tensor_along_one_axis_is_numpys(
    case: tuple[tuple[int, ...], tuple[Any, ...], int, np.ndarray],
) -> None:
    shape, index, place, positions = case
    array = np.arange(int(np.prod(shape)), dtype=np.int32).reshape(shape)
    expected = array[index]
    by_tensor = evaluate(lambda x, i: x[(*index[:place], i, *index[place + 1 :])], array, positions)[0]
    by_constant = evaluate(lambda x: x[index], array)[0]
    np.testing.assert_array_equal(by_tensor, expected, strict=True)
    np.testing.assert_array_equal(by_constant, expected, strict=True)


@pytest.mark.parametrize(
    "index",
    [
        np.s_[1],
        np.s_[-1],
        np.s_[:, -2],
        np.s_[1:],
        np.s_[:-1],
        np.s_[-3:-1],
        np.s_[::2],
        np.s_[::-1],
        np.s_[::-2],
        np.s_[-2::-1],
        np.s_[3:1:-1],
        np.s_[..., None, 0],
        np.s_[None, :, 1:3, None],
    ],
    ids=str,
)
def test_symbolic_axes(index: Any) -> None:
    array = np.arange(20, dtype=np.float32).reshape(4, 5)
    np.testing.assert_array_equal(evaluate(lambda x: x[index], array, symbolic=True)[0], array[index], strict=True)


def test_symbolic_bounds() -> None:
    table = np.arange(16 * 3, dtype=np.float32).reshape(16, 3)
    tokens = np.zeros((2, 7), np.int64)
    with asg.graph() as g:
        x, t = asg.input("x", (16, 3)), asg.input("t", ("batch", "seq"), "int64")
        seq = t.shape[1]
        g.output(head=x[:seq], tail=x[-3:][1:], half=x[: seq // 2], last=x[seq - 1], back=x[:seq][::-1])
    import asg_executor

    got = asg_executor.run(g.document(), {"x": table, "t": tokens}, outputs=["head", "tail", "half", "last", "back"])
    np.testing.assert_array_equal(got["head"], table[:7])
    np.testing.assert_array_equal(got["tail"], table[-2:])
    np.testing.assert_array_equal(got["half"], table[:3])
    np.testing.assert_array_equal(got["last"], table[6])
    np.testing.assert_array_equal(got["back"], table[6::-1])


def test_a_slice_of_a_symbolic_axis_is_not_clamped() -> None:
    with pytest.raises(AsgError, match="slice"):
        evaluate(lambda x: x[:9], np.zeros(4, np.float32), symbolic=True)


def test_an_index_is_few_nodes() -> None:
    with asg.graph() as g:
        x = asg.input("x", (4, 5, 6))
        assert x[...] is x
        assert x[:, :5] is x
        assert not g.nodes
        _ = x[1, ::-2, 1:3, None]
        assert [node.name for node in g.nodes] == ["flip", "slice", "reshape"]


def refused(graph: Graph) -> list[tuple[Any, type[Exception], str]]:
    i, b = asg.input("i", (2,), "int64"), asg.input("b", (4,), "bool")
    f, narrow = asg.input("f", (2,)), asg.input("narrow", (2,), "uint8")
    return [
        (4, IndexError, "index 4 is out of range for axis 0 of Tensor('x', float32[4, 5]), which has size 4"),
        ((0, -6), IndexError, "index -6 is out of range for axis 1"),
        ((0, 0, 0), IndexError, "has 2 axes; the index has entries for 3"),
        ((..., ...), IndexError, "2 Ellipses"),
        (1.0, TypeError, "an index of Tensor('x', float32[4, 5]) is a float"),
        ("a", TypeError, "is a str"),
        (True, TypeError, "is a bool"),
        (slice(0.5, 2), TypeError, "holds 0.5"),
        (slice(None, None, 0), ValueError, "an int other than 0"),
        (b, AsgError, "asg.where"),
        (np.array([True, False]), AsgError, "flatnonzero"),
        ((i, i), AsgError, "2 index tensors"),
        ((0, i), AsgError, "two steps"),
        (f, TypeError, "int32 or int64"),
        (narrow, TypeError, "int32 or int64"),
        (np.array([0.5]), TypeError, "float64 is not converted to int64"),
    ]


def test_what_cannot_be_indexed_is_refused() -> None:
    with asg.graph() as g:
        x = asg.input("x", (4, 5))
        for index, kind, message in refused(g):
            with pytest.raises(kind, match=re.escape(message)):
                _ = x[index]
    assert not g.nodes


def test_assignment_is_refused() -> None:
    with asg.graph():
        x = asg.input("x", (4,))
        with pytest.raises(TypeError, match="item assignment"):
            x[0] = 1  # pyright: ignore[reportIndexIssue] - what a NumPy user may try


def test_an_index_out_of_range_at_run_time_is_an_error() -> None:
    with pytest.raises(AsgError, match="take"):
        evaluate(lambda x, i: x[i], np.zeros(4, np.float32), np.array([4]))
    with pytest.raises(DocumentError):
        evaluate(lambda x: asg.slice(x, (2,), (9,)), np.zeros(4, np.float32))
