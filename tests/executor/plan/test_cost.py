"""What an instruction is said to cost: within a small factor of operations that are counted one by one."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

from asg_executor.plan.cost import operations
from asg_executor.plan.program import Instruction
from asg_schema.composite import Composite
from asg_schema.inference import infer_node
from asg_schema.op import Op
from asg_schema.op_table import OPS
from asg_schema.tensor_type import TensorType
from op_samples import ALL_SAMPLES
from op_samples.each_sample import for_each_sample
from op_samples.sample import Sample, dtype_of


class Counted:
    """A number that counts what is done with it."""

    operations = 0

    def _count(self, *_: object) -> "Counted":
        Counted.operations += 1
        return Counted()

    __add__ = __sub__ = __mul__ = __truediv__ = __neg__ = _count


def numbers(*shape: int) -> Any:
    result = np.empty(shape, object)
    for place in np.ndindex(shape):
        result[place] = Counted()
    return result


def matmul(shapes: Sequence[tuple[int, ...]], attributes: Mapping[str, Any]) -> None:
    np.matmul(numbers(*shapes[0]), numbers(*shapes[1]))


def conv(shapes: Sequence[tuple[int, ...]], attributes: Mapping[str, Any]) -> None:
    batch, channels, length = shapes[0]
    outputs, _, size = shapes[1]
    x, weight = numbers(batch, channels, length), numbers(outputs, channels, size)
    for n, o, place in product(range(batch), range(outputs), range(length - size + 1)):
        total = Counted()
        for c, k in product(range(channels), range(size)):
            total = total + x[n, c, place + k] * weight[o, c, k]


def window_sum(shapes: Sequence[tuple[int, ...]], attributes: Mapping[str, Any]) -> None:
    (length,), (size,) = shapes[0], attributes["kernel_size"]
    x = numbers(length)
    for place in range(length - size + 1):
        total = Counted()
        for k in range(size):
            total = total + x[place + k]


def cholesky(shapes: Sequence[tuple[int, ...]], attributes: Mapping[str, Any]) -> None:
    side = shapes[0][0]
    lower = numbers(side, side)
    for column in range(side):
        for row in range(column, side):
            total = lower[row, column]
            for k in range(column):
                total = total - lower[row, k] * lower[column, k]
            lower[row, column] = total / lower[column, column]


def triangular_solve(shapes: Sequence[tuple[int, ...]], attributes: Mapping[str, Any]) -> None:
    (side, _), (_, columns) = shapes
    a, x = numbers(side, side), numbers(side, columns)
    for column, row in product(range(columns), range(side)):
        total = x[row, column]
        for k in range(row):
            total = total - a[row, k] * x[k, column]
        x[row, column] = total / a[row, row]


def lu(shapes: Sequence[tuple[int, ...]], attributes: Mapping[str, Any]) -> None:
    rows, columns = shapes[0]
    x = numbers(rows, columns)
    for pivot in range(min(rows, columns)):
        for row in range(pivot + 1, rows):
            factor = x[row, pivot] / x[pivot, pivot]
            for column in range(pivot + 1, columns):
                x[row, column] = x[row, column] - factor * x[pivot, column]


def qr(shapes: Sequence[tuple[int, ...]], attributes: Mapping[str, Any]) -> None:
    rows, columns = shapes[0]
    x = numbers(rows, columns)
    for column in range(min(rows, columns)):  # Gram and Schmidt
        for other in range(column, columns):
            total = Counted()
            for row in range(rows):
                total = total + x[row, column] * x[row, other]
            for row in range(rows):
                x[row, other] = x[row, other] - x[row, column] * total


def reduced(shapes: Sequence[tuple[int, ...]], attributes: Mapping[str, Any]) -> None:
    numbers(*shapes[0]).sum()


COUNTED: list[tuple[str, Any, list[tuple[int, ...]], dict[str, Any]]] = [
    ("matmul", matmul, [(7, 9), (9, 5)], {}),
    ("matmul", matmul, [(3, 2, 9), (9, 11)], {}),
    ("matmul", matmul, [(12,), (12,)], {}),
    ("conv", conv, [(3, 4, 12), (5, 4, 3)], {}),
    ("window_sum", window_sum, [(40,)], {"kernel_size": (7,)}),
    ("cholesky", cholesky, [(14, 14)], {}),
    ("triangular_solve", triangular_solve, [(14, 14), (14, 9)], {}),
    ("lu", lu, [(12, 12)], {}),
    ("lu", lu, [(4, 40)], {}),
    ("lu", lu, [(40, 4)], {}),
    ("qr", qr, [(12, 12)], {}),
    ("qr", qr, [(3, 60)], {}),
    ("qr", qr, [(60, 3)], {}),
    ("sum", reduced, [(6, 7)], {}),
    ("cumulative_sum", reduced, [(30,)], {"axis": 0}),
]


def cost(node: Op, types: Sequence[TensorType]) -> int:
    results = infer_node(node, types)
    named = dict(zip(node.inputs, types, strict=True)) | dict(zip(node.references(), results, strict=True))
    return operations(Instruction(node, node.inputs, node.references(), node, node), named)


def node_of(op: type[Op], count: int, attributes: Mapping[str, Any]) -> Op:
    name = next(name for name, known in OPS.items() if known is op)
    return op.model_validate({"id": "node", "op": name, "inputs": [f"x{i}" for i in range(count)], **attributes})


@pytest.mark.parametrize(("name", "count", "shapes", "attributes"), COUNTED)
def test_the_cost_is_near_what_is_counted(
    name: str, count: Any, shapes: list[tuple[int, ...]], attributes: dict[str, Any]
) -> None:
    Counted.operations = 0
    count(shapes, attributes)
    said = cost(
        node_of(OPS[name], len(shapes), attributes), [TensorType(dtype_of(np.zeros(1)), shape) for shape in shapes]
    )
    assert Counted.operations / 4 <= said <= Counted.operations * 4


@for_each_sample([item for item in ALL_SAMPLES if not issubclass(item.op, Composite)])
def test_every_op_costs_at_least_an_operation_for_each_element_that_it_makes(sample: Sample) -> None:
    arrays = [np.asarray(operand) for operand in sample.operands]
    said = cost(
        node_of(sample.op, len(arrays), sample.attributes),
        [TensorType(dtype_of(array), array.shape) for array in arrays],
    )
    made = sum(np.asarray(result).size for result in sample.expected())
    assert said >= made
    # A sample is small: what is far beyond is no count of it.
    read = sum(array.size for array in arrays)
    assert said <= 200 * max(made, read, 1) * max((read + made), 1)
