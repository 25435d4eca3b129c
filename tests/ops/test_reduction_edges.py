"""Derivatives of running products with zeros, of norms and deviations that are 0, and of what ties when sorted."""

import math
from typing import Any

import numpy as np
import pytest

import asg_executor
from asg_autograd import vjp
from asg_schema.composites.reduction_norms import Norm, Std
from asg_schema.composites.reduction_ordering import TopK
from asg_schema.composites.reduction_products import CumulativeProd
from asg_schema.document import Document
from asg_schema.op import Op
from asg_schema.ops.reduction_ordering import Sort
from op_samples.sample import Array, Sample, floats, sample_document, sample_inputs


def derivative(op: type[Op], x: Array, attributes: dict[str, Any], *, order: int, symbolic: bool = False) -> Array:
    """The derivative of the sum of an op's first result, or of the sum of its derivative of one order less."""
    document = sample_document(Sample("edge", op, (x,), attributes, lambda: np.zeros(())))
    if symbolic:
        source = document.to_dict()
        source["inputs"][0]["shape"] = ["n"] * x.ndim
        document = Document.from_dict(source)
    inputs = dict(sample_inputs(Sample("edge", op, (x,), attributes, lambda: np.zeros(()))))
    output = "y0"
    for _ in range(order):
        shape = asg_executor.run(document, inputs, outputs=[output])[output].shape
        document = vjp(document, [output], ["x0"])
        inputs[f"cotangent.{output}"] = np.ones(shape)
        output = document.outputs[-1].name
    return asg_executor.run(document, inputs, outputs=[output])[output]


def running_product_derivatives(x: list[float], order: int) -> Array:
    """Of Σᵢ ∏_{j≤i} x[j]: the sum over all ordered choices of `order` different factors that are left out."""
    result = np.zeros(len(x))

    def leave_out(left: tuple[int, ...]) -> float:
        total = 0.0
        for end in range(max(left), len(x)):
            total += math.prod(x[j] for j in range(end + 1) if j not in left)
        if len(left) == order:
            return total
        return sum(leave_out((*left, j)) for j in range(len(x)) if j not in left)

    for first in range(len(x)):
        result[first] = leave_out((first,))
    return result


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("x", [[2.0, -3.0, 5.0, 7.0], [2.0, 0.0, 5.0, 7.0], [0.0, 3.0, 0.0, 7.0], [0.0, 0.0, 0.0, 0.0]])
def test_cumulative_prod_with_zeros(x: list[float], order: int, symbolic: bool) -> None:
    actual = derivative(CumulativeProd, floats(*x), {"axis": 0}, order=order, symbolic=symbolic)
    np.testing.assert_allclose(actual, running_product_derivatives(x, order), rtol=1e-14)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("x", [[2.0, 0.0, 5.0], [0.0, 3.0, 0.0]])
def test_cumulative_prod_from_the_end_with_zeros(x: list[float], order: int) -> None:
    actual = derivative(CumulativeProd, floats(*x), {"axis": 0, "reverse": True}, order=order)
    np.testing.assert_array_equal(actual, running_product_derivatives(x[::-1], order)[::-1])


@pytest.mark.parametrize("ord", [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, -1.0, math.inf, -math.inf])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_norm_of_zeros_has_derivative_zero_at_every_order(ord: float, order: int) -> None:
    actual = derivative(Norm, np.zeros((2, 2)), {"ord": ord, "axis": [1]}, order=order)
    np.testing.assert_array_equal(actual, np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("ord", "x", "expected"),
    [
        (2.0, [3.0, 0.0, -4.0], [0.6, 0.0, -0.8]),
        (1.0, [3.0, 0.0, -4.0], [1.0, 0.0, -1.0]),
        (0.5, [4.0, 0.0, 4.0], [2.0, 0.0, 2.0]),
        (-1.0, [2.0, 0.0], [0.0, 0.0]),
        (math.inf, [3.0, -3.0, 1.0], [0.5, -0.5, 0.0]),
        (-math.inf, [3.0, -1.0, 1.0, 1.0], [0.0, -1 / 3, 1 / 3, 1 / 3]),
        (0.0, [3.0, 0.0], [0.0, 0.0]),
    ],
)
def test_norm_at_edges(ord: float, x: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(derivative(Norm, floats(*x), {"ord": ord}, order=1), expected, rtol=1e-14)


@pytest.mark.parametrize("order", [1, 2])
def test_std_of_equal_elements_has_derivative_zero(order: int) -> None:
    actual = derivative(Std, np.full((2, 3), 0.75), {"axis": [1]}, order=order)
    np.testing.assert_array_equal(actual, np.zeros((2, 3)))


def test_of_equal_elements_the_first_are_found() -> None:
    x = floats(1.0, 2.0, 2.0, 2.0)
    np.testing.assert_array_equal(derivative(TopK, x, {"k": 2}, order=1), [0.0, 1.0, 1.0, 0.0])


@pytest.mark.parametrize("descending", [False, True])
def test_sorting_keeps_every_cotangent(descending: bool) -> None:
    x = floats(2.0, 1.0, 2.0, 1.0)
    document = sample_document(Sample("edge", Sort, (x,), {"descending": descending}, lambda: np.zeros(())))
    inputs = {"x0": x, "cotangent.y0": floats(1.0, 2.0, 3.0, 4.0)}
    expected = [1.0, 3.0, 2.0, 4.0] if descending else [3.0, 1.0, 4.0, 2.0]
    actual = asg_executor.run(vjp(document, ["y0"], ["x0"]), inputs)["grad.x0"]
    np.testing.assert_array_equal(actual, expected)


def test_zeros_of_both_signs_keep_their_order() -> None:
    x = floats(0.0, -0.0, 0.0, -0.0, 1.0)
    for descending in (False, True):
        document = sample_document(Sample("edge", Sort, (x,), {"descending": descending}, lambda: np.zeros(())))
        actual = asg_executor.run(document, {"x0": x})["y0"]
        zeros = actual[1:] if descending else actual[:4]
        np.testing.assert_array_equal(np.signbit(zeros), [False, True, False, True])
