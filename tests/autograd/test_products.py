"""The gradient of prod: exact with any number of zeros, at any order, by both of its methods."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from asg_autograd import vjp
from asg_schema.dims import Dim, symbol
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor
from asg_schema.ops.reduction import Prod, Sum

Array = npt.NDArray[Any]
Run = Callable[[Document, Mapping[str, Any], Sequence[str]], dict[str, Array]]


def product_document(*shape: Dim, axis: tuple[int, ...] | None = None, keepdims: bool = False) -> Document:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT64, shape=shape))
    editor.add_output(Output(name="y", value=Prod.of(x, axis=axis, keepdims=keepdims).id))
    return editor.document()


def product_of_others(x: Array, left_out: Sequence[int]) -> float:
    """The product of all but some elements, exact."""
    return math.prod(float(element) for index, element in enumerate(x) if index not in left_out)


# 16 elements or fewer are masked; more are scanned; a symbol is masked whatever it stands for.
SIZES = [(1, False), (2, False), (5, False), (16, False), (17, False), (33, False), (5, True), (20, True)]
ZEROS = [(), (2,), (0, 3), (1, 2, 4), tuple(range(20))]


@pytest.mark.parametrize("zeros", ZEROS)
@pytest.mark.parametrize(("size", "symbolic"), SIZES)
def test_first_and_second_order(size: int, symbolic: bool, zeros: tuple[int, ...], run: Run) -> None:
    x = np.random.default_rng(size).choice([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 4.0], size)
    x[[index for index in zeros if index < size]] = 0.0
    first = vjp(product_document(symbol("n") if symbolic else size), "y", ["x"])
    second = vjp(first, "grad.x", ["x"])
    direction = np.arange(1.0, size + 1)
    point = {"x": x, "cotangent.y": 1.0, "cotangent.grad.x": direction}
    results = run(second, point, ["grad.x", "grad2.x"])
    np.testing.assert_array_equal(results["grad.x"], [product_of_others(x, [index]) for index in range(size)])
    hessian = [
        [0.0 if row == column else product_of_others(x, [row, column]) for column in range(size)] for row in range(size)
    ]
    np.testing.assert_array_equal(results["grad2.x"], np.array(hessian) @ direction)


@pytest.mark.parametrize("symbolic", [False, True])
def test_third_order_with_three_zeros(symbolic: bool, run: Run) -> None:
    x = np.array([0.0, 2.0, 0.0, 0.0, 3.0])
    document = product_document(symbol("n") if symbolic else 5)
    for output in ("y", "grad.x", "grad2.x"):
        document = vjp(document, output, ["x"])
    u, v = np.array([1.0, 0, 0, 0, 0]), np.array([0.0, 0, 1, 0, 0])
    point = {"x": x, "cotangent.y": 1.0, "cotangent.grad.x": u, "cotangent.grad2.x": v}
    # The derivative by elements 0, 2 and 3, the zeros, is the product of the others; any other third derivative is 0.
    np.testing.assert_array_equal(run(document, point, ["grad3.x"])["grad3.x"], [0, 0, 0, 6, 0])


@pytest.mark.parametrize("axis", [None, (0,), (1,), (-1,), (0, 2), (2, 0), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_axes(axis: tuple[int, ...] | None, keepdims: bool, run: Run) -> None:
    shape = (2, 3, 4)
    x = np.random.default_rng(0).choice([-1.0, 0.0, 0.5, 2.0], shape)
    document = vjp(product_document(*shape, axis=axis, keepdims=keepdims), "y", ["x"])
    reduced = range(3) if axis is None else sorted(place % 3 for place in axis)
    kept = [place for place in range(3) if place not in reduced]
    cotangent = np.random.default_rng(1).choice([1.0, 2.0, 4.0], [shape[place] for place in kept])
    given = cotangent.reshape([1 if place in reduced else shape[place] for place in range(3)])
    found = run(document, {"x": x, "cotangent.y": given if keepdims else cotangent}, ["grad.x"])["grad.x"]
    for index in itertools.product(*map(range, shape)):
        others = [
            x[other]
            for other in itertools.product(*map(range, shape))
            if other != index and all(other[place] == index[place] for place in kept)
        ]
        expected = math.prod(others) * cotangent[tuple(index[place] for place in kept)]
        assert found[index] == expected


def test_no_element(run: Run) -> None:
    document = vjp(product_document(3, 0, axis=(1,)), "y", ["x"])
    results = run(document, {"x": np.zeros((3, 0)), "cotangent.y": np.ones(3)}, ["y", "grad.x"])
    assert results["y"].tolist() == [1, 1, 1]
    assert results["grad.x"].shape == (3, 0)


def test_a_long_product_needs_no_quadratic_memory(run: Run) -> None:
    size = 20_000
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT64, shape=(size,)))
    editor.add_output(Output(name="loss", value=Sum.of(Prod.of(x, axis=(0,), keepdims=True)).id))
    document = vjp(editor.document(), "loss", ["x"])
    largest = max(int(str(type.size)) for type in document.types.values())
    assert largest == size
    point = np.ones(size)
    point[7] = 0.0
    found = run(document, {"x": point, "cotangent.loss": 1.0}, ["grad.x"])["grad.x"]
    assert np.flatnonzero(found).tolist() == [7]
