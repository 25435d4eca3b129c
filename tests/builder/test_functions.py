"""Functions that are made of several ops, against NumPy's; and the arguments that functions take."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import asg_builder as asg
from asg_schema import OPS, AsgError
from asg_schema.editing import Editor
from builder_harness.evaluation import Array, evaluate

A: Any = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
SQUARE: Any = np.arange(1, 13, dtype=np.int64).reshape(3, 4)

CASES: dict[str, tuple[Callable[[asg.Tensor], asg.Tensor], Callable[[Any], Any], Array]] = {
    "reshape -1": (lambda x: asg.reshape(x, (4, -1)), lambda a: a.reshape(4, -1), A),
    "reshape flat": (lambda x: asg.reshape(x, -1), lambda a: a.reshape(-1), A),
    "swapaxes": (lambda x: asg.swapaxes(x, 0, -1), lambda a: a.swapaxes(0, -1), A),
    "moveaxis": (lambda x: asg.moveaxis(x, 0, -1), lambda a: np.moveaxis(a, 0, -1), A),
    "moveaxis several": (
        lambda x: asg.moveaxis(x, (2, 0), (0, 1)),
        lambda a: np.moveaxis(a, (2, 0), (0, 1)),
        A,
    ),
    "matrix_transpose": (asg.matrix_transpose, lambda a: a.swapaxes(-1, -2), A),
    "expand_dims": (lambda x: asg.expand_dims(x, 1), lambda a: np.expand_dims(a, 1), A),
    "expand_dims last": (lambda x: asg.expand_dims(x, -1), lambda a: np.expand_dims(a, -1), A),
    "squeeze": (lambda x: asg.squeeze(x[:, None], (1, -1)), lambda a: a[..., 0], A[:, :, :1]),
    "flatten": (asg.flatten, lambda a: a.reshape(-1), A),
    "flatten tail": (lambda x: asg.flatten(x, 1), lambda a: a.reshape(2, 12), A),
    "stack": (lambda x: asg.stack([x, x * 2], axis=1), lambda a: np.stack([a, a * 2], axis=1), A),
    "stack last": (lambda x: asg.stack([x, x], axis=-1), lambda a: np.stack([a, a], axis=-1), A),
    "concat": (lambda x: asg.concat([x, A], axis=-1), lambda a: np.concatenate([a, a], -1), A),
    "tril": (asg.tril, np.tril, SQUARE),
    "tril k": (lambda x: asg.tril(x, k=1), lambda a: np.tril(a, 1), SQUARE),
    "triu k": (lambda x: asg.triu(x, k=-1), lambda a: np.triu(a, -1), SQUARE),
    "triu batch": (asg.triu, np.triu, A),
    "tril bool": (asg.tril, np.tril, SQUARE > 5),
    "zeros_like": (asg.zeros_like, np.zeros_like, SQUARE > 0),
    "ones_like": (asg.ones_like, np.ones_like, A),
    "full_like": (lambda x: asg.full_like(x, 7), lambda a: np.full_like(a, 7), SQUARE),
    "std": (lambda x: asg.std(x, -1, correction=1), lambda a: a.std(-1, ddof=1), A),
    "square": (asg.square, np.square, A),
    "embedding": (lambda x: asg.embedding([[0, 1], [1, 0]], x), lambda a: a[[[0, 1], [1, 0]]], A[0]),
    "take": (lambda x: asg.take(x, [2, -1], axis=1), lambda a: a.take([2, -1], 1), A),
    "where scalar": (lambda x: asg.where(x > 5, x, 0.0), lambda a: np.where(a > 5, a, np.float32(0)), A),
    "maximum scalar": (lambda x: asg.maximum(0.5, x), lambda a: np.maximum(a, np.float32(0.5)), A),
    "dim_size": (lambda x: asg.dim_size(x, 1), lambda a: np.int64(a.shape[1]), A),
}


@pytest.mark.parametrize(("function", "reference", "array"), CASES.values(), ids=CASES.keys())
def test_against_numpy(
    function: Callable[[asg.Tensor], asg.Tensor], reference: Callable[[Array], Any], array: Array
) -> None:
    expected = np.asarray(reference(array))
    np.testing.assert_allclose(evaluate(function, array)[0], expected, rtol=1e-6, strict=True)


SYMBOLIC = ["swapaxes", "moveaxis several", "expand_dims", "flatten", "flatten tail", "stack", "tril k", "triu batch"]


@pytest.mark.parametrize("name", [*SYMBOLIC, "reshape flat", "zeros_like", "std", "dim_size"])
def test_with_a_symbol_for_every_dim(name: str) -> None:
    function, reference, array = CASES[name]
    expected = np.asarray(reference(array))
    np.testing.assert_allclose(evaluate(function, array, symbolic=True)[0], expected, rtol=1e-6, strict=True)


def create(function: Callable[[], asg.Tensor]) -> Array:
    """What a function without operands gives."""
    return evaluate(lambda _: function(), np.zeros(5, np.float32))[0]


CREATED: dict[str, tuple[Callable[[], asg.Tensor], Any]] = {
    "arange": (lambda: asg.arange(5), np.arange(5)),
    "arange start": (lambda: asg.arange(2, 9), np.arange(2, 9)),
    "arange step": (lambda: asg.arange(2, 9, 3), np.arange(2, 9, 3)),
    "arange down": (lambda: asg.arange(9, 2, -3), np.arange(9, 2, -3)),
    "arange empty": (lambda: asg.arange(3, 1), np.arange(3, 1)),
    "arange float": (lambda: asg.arange(1, 4, dtype="float32"), np.arange(1, 4, dtype=np.float32)),
    "eye": (lambda: asg.eye(3), np.eye(3, dtype=np.float32)),
    "eye k": (lambda: asg.eye(3, 5, k=-1, dtype="bool"), np.eye(3, 5, k=-1, dtype=np.bool)),
    "zeros": (lambda: asg.zeros((2, 0)), np.zeros((2, 0), np.float32)),
    "ones bool": (lambda: asg.ones(3, "bool"), np.ones(3, np.bool)),
    "full": (lambda: asg.full((2,), float("-inf"), "float64"), np.full(2, -np.inf)),
    "iota": (lambda: asg.iota((2, 3), "int32", axis=1), np.array([[0, 1, 2], [0, 1, 2]], np.int32)),
    "constant int": (lambda: asg.constant([[1, 2], [3, 4]]), np.array([[1, 2], [3, 4]])),
    "constant float": (lambda: asg.constant([0.1, np.nan]), np.array([0.1, np.nan], np.float32)),
    "constant bool": (lambda: asg.constant(True), np.array(True)),
    "constant array": (lambda: asg.constant(np.array([1, 2], np.uint8)), np.array([1, 2], np.uint8)),
    "constant shape": (lambda: asg.constant(range(6), "float64", (2, 3)), np.arange(6.0).reshape(2, 3)),
    "constant large": (lambda: asg.constant(np.arange(500)), np.arange(500)),
}


@pytest.mark.parametrize(("function", "expected"), CREATED.values(), ids=CREATED.keys())
def test_creation(function: Callable[[], asg.Tensor], expected: Array) -> None:
    np.testing.assert_array_equal(create(function), expected, strict=True)


def test_arange_to_a_symbol() -> None:
    found = evaluate(lambda x: asg.arange(1, x.shape[0], 2), np.zeros(8, np.float32), symbolic=True)[0]
    np.testing.assert_array_equal(found, [1, 3, 5, 7])


def test_split_as_torch_has_it() -> None:
    parts = evaluate(lambda x: asg.split(x, 3, axis=-1), A)
    assert [part.shape for part in parts] == [(2, 3, 3), (2, 3, 1)]
    np.testing.assert_array_equal(np.concatenate(parts, -1), A)
    parts = evaluate(lambda x: asg.split(x, [1, 0, 2], axis=1), A)
    assert [part.shape[1] for part in parts] == [1, 0, 2]
    parts = evaluate(lambda x: asg.split(x, [1, x.shape[0] - 1]), A, symbolic=True)
    assert [part.shape[0] for part in parts] == [1, 1]


def test_unstack() -> None:
    parts = evaluate(lambda x: asg.unstack(x, axis=1), A)
    np.testing.assert_array_equal(np.stack(parts, 1), A)


def refused(x: asg.Tensor) -> list[tuple[Callable[[], object], str]]:
    return [
        (lambda: asg.reshape(x, (-1, -1)), "2 entries of -1"),
        (lambda: asg.reshape(x, (5, -1)), "24 elements are not divided by 5"),
        (lambda: asg.reshape(x, (0, -1)), "not divided by 0"),
        (lambda: asg.squeeze(x, 0), "size 2; only size 1"),
        (lambda: asg.squeeze(x[None], (0, -4)), "names an axis twice"),
        (lambda: asg.swapaxes(x, 0, 3), "axis 3 is out of range for rank 3"),
        (lambda: asg.moveaxis(x, (0, 1), 0), "as many different axes"),
        (lambda: asg.flatten(x, 2, 1), "lies behind"),
        (lambda: asg.split(x, 0), "at least 1"),
        (lambda: asg.split(x, [1, 2]), "add up to 3"),
        (lambda: asg.split(asg.input("n", ("n",)), 2), "list of all sizes"),
        (lambda: asg.tril(asg.input("v", (3,))), "at least two"),
        (lambda: asg.arange(0, 5, 0), "other than 0"),
        (lambda: asg.exp(1.0), "exp takes a Tensor, not float"),  # pyright: ignore[reportArgumentType] - wrong on purpose
        (lambda: asg.stack([]), "stack takes a Tensor, not nothing"),
        (lambda: asg.add(x, "a"), "add: x2 is a str"),  # pyright: ignore[reportArgumentType] - wrong on purpose
        (lambda: asg.add(x, asg.symbol("n")), "add: x2 is the dim n; asg.dim_size"),  # pyright: ignore[reportArgumentType] - wrong on purpose
        (lambda: asg.constant([[1], [2, 3]]), "inhomogeneous"),
        (lambda: asg.constant([1.5], "int32"), "float64 is not converted to int32"),
        (lambda: asg.constant([1, 2], shape=("n",)), "holds a symbol"),
        (lambda: asg.layer_norm(x, None, asg.ones(4), normalized_shape=4), "weight is missing"),
    ]


def test_what_functions_refuse() -> None:
    with asg.graph():
        x = asg.input("x", (2, 3, 4))
        for call, message in refused(x):
            with pytest.raises((AsgError, TypeError, ValueError), match=message.replace("[", r"\[")):
                call()


def test_all_names_what_there_is() -> None:
    assert sorted(asg.__all__, key=lambda name: (not name[0].isupper(), name)) == asg.__all__
    assert all(hasattr(asg, name) for name in asg.__all__)
    assert set(OPS) <= set(asg.__all__)
    assert issubclass(asg.Graph, Editor)


def test_where_needs_a_tensor_to_choose_from() -> None:
    with asg.graph("g"):
        condition = asg.input("x", (3,)) > 0
        with pytest.raises(TypeError, match=r"where: neither x1 \(1.0\) nor x2 \(0.0\) is a Tensor"):
            asg.where(condition, 1.0, 0.0)
        assert asg.where(condition, asg.constant(1.0), 0.0).shape == (3,)
