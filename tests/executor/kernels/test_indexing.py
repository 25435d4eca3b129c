"""Gathers and scatters at their edges; their values are tested with the samples."""

import numpy as np
import pytest

from asg_executor import run
from asg_executor.errors import IndexOutOfRangeError
from asg_schema.document import Document


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
