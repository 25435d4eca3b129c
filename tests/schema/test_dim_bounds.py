"""Documents that are small to write must not make dims that are large to compute with."""

import pytest

from asg_schema.dims import dim_from_json
from asg_schema.document import Document
from asg_schema.errors import DimError, DocumentError
from asg_schema.symbolic_dim import SymbolicDim


def test_dims_that_double_with_every_node_are_refused() -> None:
    nodes: list[dict[str, object]] = []
    before = "x"
    for index in range(40):  # each dim is made of two divisions of the one before
        for name, size, stride in (("a", 1, 3), ("b", 2, 5)):
            attributes = {"kernel_size": [size], "strides": [stride]}
            nodes.append({"id": f"{name}{index}", "op": "window_sum", "inputs": [before], **attributes})
        nodes.append({"id": f"c{index}", "op": "concat", "inputs": [f"a{index}", f"b{index}"], "axis": 0})
        before = f"c{index}"
    source = {"asg": 1, "inputs": [{"id": "x", "dtype": "float32", "shape": ["n"]}], "nodes": nodes}
    with pytest.raises(DocumentError, match="more than 1024 symbols and divisions in all"):
        Document.from_dict(source)


def test_a_long_sum_is_the_sum_of_its_parts() -> None:
    names = [f"s{index}" for index in range(100)]
    found = dim_from_json({"add": [*names, 3, *names, -1]})
    assert isinstance(found, SymbolicDim)
    assert len(found.terms) == 101
    assert found == dim_from_json({"add": [{"mul": [2, name]} for name in names] + [2]})
    assert dim_from_json({"add": ["n", {"mul": ["n", -1]}]}) == 0


def test_products_of_long_sums_are_refused_before_they_are_multiplied() -> None:
    factors = [{"add": [f"{letter}{index}" for index in range(40)]} for letter in "ab"]
    with pytest.raises(DimError, match="whose product may have more than 128 terms"):
        dim_from_json({"mul": factors})
