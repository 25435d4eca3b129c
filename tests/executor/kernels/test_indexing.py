"""Gathers and scatters at their edges; their values are tested with the samples."""

import tracemalloc
from typing import Any

import numpy as np
import pytest

from asg_executor import run
from asg_executor.errors import IndexOutOfRangeError
from asg_executor.kernels.indexing import index_add, scatter_add_along_axis, take, take_along_axis
from asg_executor.kernels.workspace import Workspace
from asg_schema.document import Document
from asg_schema.ops.indexing import IndexAdd, ScatterAddAlongAxis, Take, TakeAlongAxis


def document(op: str, **inputs: list[object]) -> Document:
    dtypes = {"indices": "int64"}
    return Document.from_dict(
        {
            "asg": 1,
            "inputs": [
                {"id": name, "dtype": dtypes.get(name, "float32"), "shape": shape} for name, shape in inputs.items()
            ],
            "nodes": [{"id": "picked", "op": op, "inputs": list(inputs), "axis": 1}],
            "outputs": [{"name": "y", "value": "picked"}],
        }
    )


DOCUMENTS = {
    "take": document("take", x=[2, "n"], indices=["m"]),
    "take_along_axis": document("take_along_axis", x=[2, "n"], indices=[2, "m"]),
    "index_add": document("index_add", x=[2, "n"], indices=["m"], source=[2, "m"]),
    "scatter_add_along_axis": document("scatter_add_along_axis", x=[2, "n"], indices=[2, "m"], source=[2, "m"]),
}


def arrays(graph: Document, n: int, indices: list[int]) -> dict[str, np.ndarray]:
    given: dict[str, np.ndarray] = {"x": np.ones((2, n), np.float32), "indices": np.array(indices, np.int64)}
    if len(next(item for item in graph.inputs if item.id == "indices").shape) == 2:
        given["indices"] = np.tile(given["indices"], (2, 1))
    if len(graph.inputs) == 3:
        given["source"] = np.ones((2, len(indices)), np.float32)
    return given


@pytest.mark.parametrize("op", DOCUMENTS)
@pytest.mark.parametrize("index", [3, -4, 2**62, -(2**63)])
def test_an_index_outside_the_axis_is_an_error_that_names_node_index_and_range(op: str, index: int) -> None:
    graph = DOCUMENTS[op]
    said = rf'node "picked" \({op}\): index {index} at \[.*\] .* axis 1 of size 3; an index from -3 to 2 is needed'
    with pytest.raises(IndexOutOfRangeError, match=said):
        run(graph, arrays(graph, 3, [0, index]))


@pytest.mark.parametrize("op", DOCUMENTS)
def test_no_index_at_all_is_fine_even_where_there_is_nothing_to_index(op: str) -> None:
    graph = DOCUMENTS[op]
    for n in (0, 3):
        result = run(graph, arrays(graph, n, []))["y"]
        assert result.shape == ((2, 0) if op.startswith("take") else (2, n))


@pytest.mark.parametrize("op", DOCUMENTS)
def test_an_index_into_nothing_is_an_error(op: str) -> None:
    graph = DOCUMENTS[op]
    with pytest.raises(IndexOutOfRangeError, match="size 0"):
        run(graph, arrays(graph, 0, [0]))


@pytest.mark.parametrize(
    ("target", "said"), [(-5, r"a negative index, or 3, at \[1, 0\]"), (12, r"index 12 at \[1, 0\]")]
)
def test_an_index_within_a_composite_is_told_of_the_composite(target: int, said: str) -> None:
    """Its expansion puts 3 in the place of -5, which a gather would count from the end."""
    graph = Document.from_dict(
        {
            "asg": 1,
            "inputs": [
                {"id": "scores", "dtype": "float32", "shape": [2, 3]},
                {"id": "target", "dtype": "int64", "shape": [2]},
            ],
            "nodes": [{"id": "loss", "op": "cross_entropy", "inputs": ["scores", "target"]}],
            "outputs": [{"name": "loss", "value": "loss"}],
        }
    )
    match = rf'node "loss" \(cross_entropy\): {said} of the indices .* size 3; an index from 0 to 2 is needed'
    with pytest.raises(IndexOutOfRangeError, match=match):
        run(graph, {"scores": np.zeros((2, 3), np.float32), "target": [0, target]})


@pytest.mark.parametrize("axis", [0, 1])
def test_a_gather_from_a_transposed_table_copies_no_table(axis: int) -> None:
    table = np.arange(1e6).reshape(1000, 1000).T
    result = np.empty((2, 1000) if axis == 0 else (1000, 2))
    op = Take(id="y", inputs=("x", "i"), axis=axis)
    step = take(op, [table, np.array([-1, 0])], [result], Workspace(result.nbytes))
    tracemalloc.start()
    try:
        step()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(result, table[[-1, 0]] if axis == 0 else table[:, [-1, 0]])
    assert peak < 2 * result.nbytes


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.float64])
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_sums_at_repeated_indices_are_those_of_a_loop(axis: int, dtype: type[Any], rank: int) -> None:
    """Sources of more than one piece, from either end of the axis, and not contiguous."""
    generator = np.random.default_rng(0)
    shape, places = [3, 4, 5], (60,) * rank
    x = generator.integers(-9, 9, shape).astype(dtype)
    indices = generator.integers(-shape[axis], shape[axis], places)
    spread = (*shape[:axis], *places, *shape[axis + 1 :])
    source = np.asfortranarray(generator.integers(-9, 9, spread).astype(dtype))
    expected = x.copy()
    for place in np.ndindex(places):
        one = (*(slice(None),) * axis, *place)
        expected[(*(slice(None),) * axis, indices[place])] += source[one]
    op = IndexAdd(id="y", inputs=("x", "i", "s"), axis=axis)
    result = np.empty_like(x)
    index_add(op, [x, indices, source], [result], Workspace())()
    np.testing.assert_array_equal(result, expected)
    index_add(op, [x, indices, source], [x], Workspace())()
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("op", ["index_add", "scatter_add_along_axis"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_adds_up_in_single_precision(op: str, dtype: str) -> None:
    """4096 ones: in half precision the sum would stop at 2048, in bfloat16 at 256."""
    graph = Document.from_dict(
        {
            "asg": 1,
            "inputs": [
                {"id": "x", "dtype": dtype, "shape": [2]},
                {"id": "indices", "dtype": "int32", "shape": [4096]},
                {"id": "source", "dtype": dtype, "shape": [4096]},
            ],
            "nodes": [{"id": "y", "op": op, "inputs": ["x", "indices", "source"]}],
            "outputs": [{"name": "y", "value": "y"}],
        }
    )
    result = run(graph, {"x": [1.0, 0.0], "indices": [-1] * 4096, "source": [1.0] * 4096})["y"]
    assert result.tolist() == [1.0, 4096.0]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_gathers_and_scatters_along_an_axis_of_transposed_arrays(axis: int) -> None:
    generator = np.random.default_rng(1)
    x = generator.normal(size=(5, 4, 3)).T
    shape = [3, 4, 5]
    shape[axis] = 7
    indices = generator.integers(-x.shape[axis], x.shape[axis], shape[::-1]).T
    source = generator.normal(size=shape[::-1]).T
    taken, added = np.empty(shape), np.empty(x.shape)
    take_along_axis(TakeAlongAxis(id="y", inputs=("x", "i"), axis=axis), [x, indices], [taken], Workspace())()
    np.testing.assert_array_equal(taken, np.take_along_axis(x, indices, axis))
    op = ScatterAddAlongAxis(id="y", inputs=("x", "i", "s"), axis=axis)
    scatter_add_along_axis(op, [x, indices, source], [added], Workspace())()
    expected = x.copy()
    for place in np.ndindex(*shape):
        target = list(place)
        target[axis] = int(indices[place])
        expected[tuple(target)] += source[place]
    np.testing.assert_allclose(added, expected, rtol=1e-12)
