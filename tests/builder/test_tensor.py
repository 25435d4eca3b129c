"""Operators of tensors against NumPy's, and what they refuse."""

import operator
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import asg_builder as asg
from asg_schema import AsgError, DocumentError
from builder_harness.evaluation import Array, evaluate

A: Any = np.array([[1.5, -2.0, 0.25], [3.0, 0.5, -1.25]], np.float32)
B: Any = np.array([[0.5, 2.0, 4.0], [-1.0, 0.5, 2.0]], np.float32)
INTEGERS = np.array([[7, -7, 3]], np.int32)
BOOLS = np.array([True, False, True])
OTHERS = np.array([True, True, False])

Binary = Callable[[Any, Any], Any]
BINARY: dict[str, Binary] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": lambda a, b: a % b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
LOGIC: dict[str, Binary] = {"&": lambda a, b: a & b, "|": lambda a, b: a | b, "^": lambda a, b: a ^ b}


@pytest.mark.parametrize("op", BINARY.values(), ids=BINARY.keys())
@pytest.mark.parametrize("other", [B, B[:1], np.float32(0.5), 0.5, 2], ids=["array", "row", "scalar", "float", "int"])
def test_binary_operators_on_both_sides(op: Binary, other: Any) -> None:
    same = np.float32(other) if isinstance(other, int | float) else other
    np.testing.assert_array_equal(evaluate(lambda x: op(x, other), A)[0], op(A, same))
    np.testing.assert_array_equal(evaluate(lambda x: op(other, x), A)[0], op(same, A))


@pytest.mark.parametrize("op", BINARY.values(), ids=BINARY.keys())
def test_binary_operators_between_tensors(op: Binary) -> None:
    np.testing.assert_array_equal(evaluate(op, A, B)[0], op(A, B))


def test_power_on_both_sides() -> None:
    np.testing.assert_allclose(evaluate(lambda x: x**2, A)[0], A**2)
    np.testing.assert_allclose(evaluate(lambda x: 2**x, A)[0], 2**A, rtol=1e-6)


def test_matmul_on_both_sides() -> None:
    np.testing.assert_allclose(evaluate(lambda x: x @ B.T, A)[0], A @ B.T)
    np.testing.assert_allclose(evaluate(lambda x: B.T @ x, A)[0], B.T @ A)
    np.testing.assert_allclose(evaluate(lambda x, y: x @ y, A, B.T)[0], A @ B.T)


def test_unary_operators() -> None:
    for op in (operator.neg, operator.pos, operator.abs):
        np.testing.assert_array_equal(evaluate(op, A)[0], op(A))


@pytest.mark.parametrize("op", LOGIC.values(), ids=LOGIC.keys())
def test_logic_on_both_sides(op: Binary) -> None:
    np.testing.assert_array_equal(evaluate(op, BOOLS, OTHERS)[0], op(BOOLS, OTHERS))
    np.testing.assert_array_equal(evaluate(lambda x: op(x, OTHERS), BOOLS)[0], op(BOOLS, OTHERS))
    np.testing.assert_array_equal(evaluate(lambda x: op(True, x), BOOLS)[0], op(True, BOOLS))
    np.testing.assert_array_equal(evaluate(lambda x: op(OTHERS, x), BOOLS)[0], op(OTHERS, BOOLS))


def test_invert() -> None:
    np.testing.assert_array_equal(evaluate(operator.invert, BOOLS)[0], ~BOOLS)


def test_scalars_take_the_dtype_of_an_integer_tensor() -> None:
    np.testing.assert_array_equal(evaluate(lambda x: x * 3 % 5, INTEGERS)[0], INTEGERS * 3 % 5)


def test_numbers_keep_their_digits_in_the_document() -> None:
    with asg.graph() as g:
        g.output(y=asg.input("x", (2,)) * 0.1 + np.array([0.1, 0.2]))
    nodes = g.document().to_dict()["nodes"]
    assert [node.get("value") for node in nodes] == [0.1, None, [0.1, 0.2], None]


def test_an_array_beside_a_tensor_becomes_a_constant_of_its_dtype() -> None:
    double = np.array([0.1, 0.2, 0.3])
    np.testing.assert_array_equal(evaluate(lambda x: x + double, A)[0], A + double.astype(np.float32))
    large = np.linspace(-1, 1, 300).reshape(3, 100)
    np.testing.assert_allclose(evaluate(lambda x: x @ large, A)[0], A @ large.astype(np.float32), rtol=1e-6)


def test_bfloat16_arrays() -> None:
    x: Any = A.astype(ml_dtypes.bfloat16)
    np.testing.assert_array_equal(evaluate(lambda t: t + x, x)[0], x + x)
    assert evaluate(lambda t: t * 0.5, x)[0].dtype == ml_dtypes.bfloat16


@pytest.mark.parametrize(
    ("dtype", "number", "message"),
    [
        ("int32", 0.5, "0.5, a float, where int32"),
        ("int32", np.array([0.5]), "float64 is not converted to int32"),
        ("int8", 300, "300 does not fit into int8"),
        ("int8", np.array([300]), "300 does not fit into int8"),
        ("float32", True, "True, a bool, where float32"),
        ("bool", 1, "1, a int, where bool"),
        ("float32", np.array([True]), "bool is not converted to float32"),
        ("float32", np.array([1j]), "complex128 is not converted"),
        ("float32", np.zeros(70_000), "at most 65536"),
    ],
)
def test_other_kinds_are_refused(dtype: str, number: Any, message: str) -> None:
    op = BINARY["==" if dtype == "bool" else "*"]
    with asg.graph():
        x = asg.input("x", (1,), dtype)
        with pytest.raises((TypeError, ValueError), match=message):
            op(x, number)
        with pytest.raises((TypeError, ValueError), match=message):
            op(number, x)


@pytest.mark.parametrize("other", ["1", None, [1.0], object()])
def test_foreign_operands_are_left_to_python(other: Any) -> None:
    with asg.graph():
        x = asg.input("x", (1,))
        with pytest.raises(TypeError, match="unsupported operand"):
            _ = x + other
        assert (x == other) is False
        assert (x != other) is True


def test_two_dtypes_do_not_meet() -> None:
    with (
        asg.graph(),
        pytest.raises(DocumentError, match=r"differ in dtype.*astype"),
    ):
        _ = asg.input("x", (1,)) + asg.input("y", (1,), "float64")


def test_equality_is_element_wise_and_hashing_by_identity() -> None:
    with asg.graph():
        x, y = asg.input("x", (2,)), asg.input("y", (2,))
        assert isinstance(x == y, asg.Tensor)
        assert len({x, y, x}) == 2


def test_a_tensor_has_no_truth_value() -> None:
    with asg.graph():
        x = asg.input("x", (2,))
        with pytest.raises(TypeError, match=r"Tensor\('greater', bool\[2\]\) has no truth value.*asg.where"):
            bool(x > 0)
        with pytest.raises(TypeError, match="no truth value"):
            _ = 0 < x < 1
        with pytest.raises(TypeError, match="cannot be searched"):
            _ = 1 in x
        with pytest.raises(TypeError, match="symbolic"):
            np.asarray(x)
        with pytest.raises(TypeError):
            float(x)  # pyright: ignore[reportArgumentType] - what a caller without a type checker may write


def test_length_and_iteration() -> None:
    first, second = evaluate(list, A)
    np.testing.assert_array_equal(first, A[0])
    np.testing.assert_array_equal(second, A[1])
    with asg.graph():
        assert len(asg.input("x", (4, "n"))) == 4
        with pytest.raises(TypeError, match="symbol n"):
            list(asg.input("y", ("n", 4)))
        with pytest.raises(TypeError, match="no axis"):
            len(asg.input("z", ()))


def test_properties_and_representation() -> None:
    with asg.graph():
        x = asg.input("x", ("batch", 3), np.float64)
        assert (x.ndim, str(x.size), x.dtype) == (2, "3*batch", "float64")
        assert repr(x) == "Tensor('x', float64[batch, 3])"
        assert x.T.shape == (3, asg.symbol("batch"))
        assert x[None].mT.shape == (1, 3, asg.symbol("batch"))
        with pytest.raises(AsgError, match="3 axes"):
            _ = x[None].T


METHODS: list[tuple[str, Callable[[Any], Any], Callable[[Array], Any]]] = [
    ("sum", lambda x: x.sum(), lambda a: a.sum()),
    ("sum axis", lambda x: x.sum(-1, keepdims=True), lambda a: a.sum(-1, keepdims=True)),
    ("sum axes", lambda x: x.sum((0, 1)), lambda a: a.sum()),
    ("sum list", lambda x: x.sum([1]), lambda a: a.sum(1)),
    ("prod", lambda x: x.prod(0), lambda a: a.prod(0)),
    ("max", lambda x: x.max(0), lambda a: a.max(0)),
    ("min", lambda x: x.min(1), lambda a: a.min(1)),
    ("mean", lambda x: x.mean(0), lambda a: a.mean(0)),
    ("var", lambda x: x.var(1, correction=1), lambda a: a.var(1, ddof=1)),
    ("T", lambda x: x.T, lambda a: a.T),
    ("mT", lambda x: x.mT, lambda a: a.T),
    ("reshape", lambda x: x.reshape(3, -1), lambda a: a.reshape(3, -1)),
    ("reshape tuple", lambda x: x.reshape((6,)), lambda a: a.reshape(6)),
    ("astype", lambda x: x.astype("int32"), lambda a: a.astype(np.int32)),
]


@pytest.mark.parametrize(("method", "reference"), [m[1:] for m in METHODS], ids=[m[0] for m in METHODS])
def test_methods(method: Callable[[Any], Any], reference: Callable[[Array], Any]) -> None:
    np.testing.assert_allclose(evaluate(method, A)[0], reference(A), rtol=1e-6)


def test_astype_to_the_same_dtype_adds_nothing() -> None:
    with asg.graph() as g:
        x = asg.input("x", (2,))
        assert x.astype("float32") is x
        assert not g.nodes
