"""What an op costs: known counts, and composites as their expansions. The primitives' counts are tested with plans."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from asg_schema.composite import Composite
from asg_schema.cost import VIEWS, operations, size_in_bytes
from asg_schema.dtype import DType
from asg_schema.inference import infer_node
from asg_schema.op_table import OPS
from asg_schema.tensor_type import TensorType
from op_samples import ALL_SAMPLES
from op_samples.each_sample import for_each_sample
from op_samples.sample import Sample, dtype_of


def cost(name: str, shapes: Sequence[tuple[int, ...]], **attributes: Any) -> int:
    types = [TensorType(DType.FLOAT32, shape) for shape in shapes]
    node = OPS[name].model_validate(
        {"id": "node", "op": name, "inputs": [f"x{index}" for index in range(len(shapes))], **attributes}
    )
    return operations(node, types, infer_node(node, types))


@pytest.mark.parametrize(
    ("name", "shapes", "expected"),
    [
        ("matmul", [(4, 5), (5, 7)], 2 * 4 * 5 * 7),
        ("add", [(4, 5), (5,)], 20),
        ("tanh", [(4, 5)], 200),
        ("linear", [(4, 5), (7, 5), (7,)], 2 * 4 * 5 * 7 + 4 * 7),  # its transposition is a view
        ("relu", [(4, 5)], 1 + 20 + 20),  # its 0, a comparison and a choice
    ],
)
def test_known_counts(name: str, shapes: list[tuple[int, ...]], expected: int) -> None:
    assert cost(name, shapes) == expected


def test_attention_costs_at_least_its_two_products() -> None:
    batch, heads, length, width = 2, 3, 16, 8
    products = 2 * 2 * batch * heads * length * length * width
    said = cost("attention", [(batch, heads, length, width)] * 3)
    assert products < said < 2 * products + 40 * batch * heads * length * length


@for_each_sample([item for item in ALL_SAMPLES if issubclass(item.op, Composite)])
def test_every_composite_has_a_cost(sample: Sample) -> None:
    arrays = [np.asarray(operand) for operand in sample.operands]
    types = [TensorType(dtype_of(array), array.shape) for array in arrays]
    inputs = [f"x{index}" for index in range(len(arrays))]
    node = sample.op.model_validate({"id": "node", "op": sample.op.name, "inputs": inputs, **sample.attributes})
    said = operations(node, types, infer_node(node, types))
    assert said == operations(node, types, infer_node(node, types))
    assert said >= 0
    assert said <= 100_000 * (1 + sum(array.size for array in arrays)) ** 2


def test_bytes() -> None:
    assert size_in_bytes(TensorType(DType.BFLOAT16, (3, 5))) == 30
    assert size_in_bytes(TensorType(DType.FLOAT64, ())) == 8


def test_views_take_one_operand_and_are_no_composites() -> None:
    assert all(len(op.operands) == 1 and not issubclass(op, Composite) for op in VIEWS)
