"""The native mathematical functions keep the bounds that they state, and have the special values that ops promise."""

import math
import re
from typing import Any

import numpy as np
import pytest
from llvmlite import binding, ir

from asg_executor.engines.native.compilation import optimised_text
from asg_executor.engines.native.math.functions import FUNCTIONS, math_function, polygamma_function
from asg_schema.dtype import DType
from executor.native.loops import MathLoop, evaluate
from executor.native.math_references import (
    REFERENCES,
    SPECIAL_REFERENCES,
    distance_in_last_digits,
    float32_points,
    float64_points,
    pairs,
)
from executor.native.special_points import POINTS

_INF, _NAN = math.inf, math.nan
_DTYPES = [np.float32, np.float64]
_UNARY = sorted(name for name, function in FUNCTIONS.items() if function.operands == 1)
_BINARY = sorted(set(FUNCTIONS) - set(_UNARY))

# By name: operands and results, also of zeros by their signs.
_SPECIAL_VALUES: dict[str, list[tuple[float, float]]] = {
    "acos": [(1.0, 0.0), (-1.0, math.pi), (0.0, math.pi / 2), (2.0, _NAN), (-2.0, _NAN), (_INF, _NAN)],
    "acosh": [(1.0, 0.0), (0.5, _NAN), (-3.0, _NAN), (-1e30, _NAN), (_INF, _INF), (-_INF, _NAN)],
    "asin": [(0.0, 0.0), (-0.0, -0.0), (1.0, math.pi / 2), (-1.0, -math.pi / 2), (2.0, _NAN), (-_INF, _NAN)],
    "asinh": [(0.0, 0.0), (-0.0, -0.0), (_INF, _INF), (-_INF, -_INF)],
    "atan": [(0.0, 0.0), (-0.0, -0.0), (_INF, math.pi / 2), (-_INF, -math.pi / 2)],
    "atanh": [(0.0, 0.0), (-0.0, -0.0), (1.0, _INF), (-1.0, -_INF), (2.0, _NAN), (_INF, _NAN)],
    "ceil": [(-0.25, -0.0), (-0.0, -0.0), (0.5, 1.0), (_INF, _INF), (-_INF, -_INF)],
    "cos": [(0.0, 1.0), (-0.0, 1.0), (_INF, _NAN), (-_INF, _NAN)],
    "cosh": [(0.0, 1.0), (-0.0, 1.0), (_INF, _INF), (-_INF, _INF), (1e4, _INF)],
    "digamma": [(0.0, -_INF), (-0.0, _INF), (-1.0, _NAN), (-2.0, _NAN), (-1e30, _NAN), (_INF, _INF), (-_INF, _NAN)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (_INF, 1.0), (-_INF, -1.0), (30.0, 1.0)],
    "erfinv": [(0.0, 0.0), (-0.0, -0.0), (1.0, _INF), (-1.0, -_INF), (2.0, _NAN), (-_INF, _NAN)],
    "exp": [(0.0, 1.0), (-0.0, 1.0), (_INF, _INF), (-_INF, 0.0), (1e4, _INF), (-1e4, 0.0)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (_INF, _INF), (-_INF, -1.0), (1e4, _INF), (-1e4, -1.0)],
    "floor": [(-0.25, -1.0), (-0.0, -0.0), (0.5, 0.0), (_INF, _INF), (-_INF, -_INF)],
    "lgamma": [(0.0, _INF), (-0.0, _INF), (-1.0, _INF), (-1e30, _INF), (1.0, 0.0), (2.0, 0.0), (-_INF, _INF)],
    "log": [(0.0, -_INF), (-0.0, -_INF), (1.0, 0.0), (-1.0, _NAN), (_INF, _INF), (-_INF, _NAN)],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (-1.0, -_INF), (-2.0, _NAN), (_INF, _INF), (-_INF, _NAN)],
    "polygamma 1": [(0.0, _INF), (-0.0, _INF), (-1.0, _INF), (-2.0, _INF), (-1e30, _INF), (_INF, 0.0)],
    "polygamma 2": [(0.0, -_INF), (-0.0, -_INF), (-1.0, -_INF), (-2.0, -_INF), (_INF, -0.0)],
    "round": [(-0.5, -0.0), (0.5, 0.0), (1.5, 2.0), (2.5, 2.0), (-2.5, -2.0), (-0.0, -0.0), (_INF, _INF)],
    "rsqrt": [(0.0, _INF), (-0.0, -_INF), (4.0, 0.5), (-1.0, _NAN), (_INF, 0.0)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (_INF, 1.0), (-_INF, 0.0), (800.0, 1.0), (-800.0, 0.0)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (_INF, _NAN), (-_INF, _NAN)],
    "sinh": [(0.0, 0.0), (-0.0, -0.0), (_INF, _INF), (-_INF, -_INF), (1e4, _INF)],
    "sqrt": [(0.0, 0.0), (-0.0, -0.0), (4.0, 2.0), (-1.0, _NAN), (_INF, _INF)],
    "tan": [(0.0, 0.0), (-0.0, -0.0), (_INF, _NAN), (-_INF, _NAN)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (_INF, 1.0), (-_INF, -1.0), (1e4, 1.0)],
}

_TINY = [2.0**-149, -(2.0**-149), 2.0**-127, -(2.0**-140), 2.0**-126]  # but for the last, subnormal in float32

_SCALAR = {"remainder"}  # these have a loop inside
_VECTORISED = sorted(set(FUNCTIONS) - _SCALAR)

# Angles of which almost nothing is left of a multiple of π/2: of all numbers of their precision these are the worst.
_WORST_ANGLES = {np.float32: 16367173.0 * 2.0**72, np.float64: 6381956970095103.0 * 2.0**797}


def _points(dtype: Any) -> Any:
    return float32_points() if dtype == np.float32 else float64_points()


def _exact(name: str, *operands: Any) -> Any:
    """What is right, in a higher precision."""
    wide = np.float64 if operands[0].dtype == np.float32 else np.longdouble
    reference = REFERENCES.get(name) or SPECIAL_REFERENCES[name]
    with np.errstate(all="ignore"):
        return reference(*(operand.astype(wide) for operand in operands))


def _bound(name: str, dtype: Any) -> float:
    base, _, order = name.partition(" ")
    if order:
        return 5 + 1.5 * int(order)
    return FUNCTIONS[base].error(DType(np.dtype(dtype).name))


def _same(results: Any, expected: Any) -> Any:
    same_number = (results == expected) & (np.signbit(results) == np.signbit(expected))
    return same_number | (np.isnan(results) & np.isnan(expected))


def test_each_function_has_its_special_values_and_its_reference() -> None:
    assert {name for name in _SPECIAL_VALUES if " " not in name} == set(_UNARY)
    assert set(REFERENCES) | set(SPECIAL_REFERENCES) == set(FUNCTIONS)
    assert not set(REFERENCES) & set(SPECIAL_REFERENCES)
    assert set(SPECIAL_REFERENCES) == {name for name in POINTS if " " not in name}


def _assert_within_bound(name: str, operands: tuple[Any, ...]) -> None:
    distance = distance_in_last_digits(evaluate(name, *operands), _exact(name, *operands))
    worst = int(np.argmax(distance))
    where = ", ".join(repr(operand[worst]) for operand in operands)
    assert distance[worst] <= _bound(name, operands[0].dtype), f"{name}({where}) is {distance[worst]} last digits off"


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, dtype) for dtype in _DTYPES for name in _UNARY if dtype == np.float32 or name in REFERENCES],
)
def test_the_error_is_within_the_stated_bound(name: str, dtype: Any) -> None:
    points = _points(dtype)
    if name in ("digamma", "lgamma"):  # for their zeros below 0 see the next test
        points = points[~(points < 0)]
    _assert_within_bound(name, (points,))


def _distance_of_differences(name: str, x: Any, results: Any, exact: Any) -> Any:
    """As `distance_in_last_digits`, in units of the largest of what the result is the difference of."""
    wide = x.astype(np.float64)
    part = SPECIAL_REFERENCES[name](-wide if name == "lgamma" else 1 - wide)
    largest = np.maximum(np.maximum(np.abs(exact), np.abs(part)), 1).astype(x.dtype)
    return np.abs(results - exact) / np.spacing(largest).astype(np.float64)


@pytest.mark.parametrize("name", ["digamma", "lgamma"])
def test_the_error_below_0_is_within_the_stated_bound(name: str) -> None:
    x = -np.random.default_rng(3).uniform(0, 30, 100_000).astype(np.float32)
    exact = SPECIAL_REFERENCES[name](x.astype(np.float64))
    assert _distance_of_differences(name, x, evaluate(name, x), exact).max() <= _bound(name, np.float32)


@pytest.mark.parametrize("name", ["digamma", "lgamma"])
def test_known_values_below_0(name: str) -> None:
    x, exact = np.array([point for point in POINTS[name] if point[0] < 0]).T
    # The known values are themselves half a unit off.
    assert _distance_of_differences(name, x, evaluate(name, x), exact).max() <= _bound(name, np.float64) + 0.5


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("name", _BINARY)
def test_the_error_of_two_operands_is_within_the_stated_bound(name: str, dtype: Any) -> None:
    _assert_within_bound(name, pairs(dtype))


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("name", _BINARY)
def test_two_operands_at_the_edges_agree_with_numpy_by_sign(name: str, dtype: Any) -> None:
    edges = [0.0, -0.0, 1.0, -1.0, 2.0, -3.0, 0.5, _INF, -_INF, _NAN]
    a, b = (grid.ravel().astype(dtype) for grid in np.meshgrid(edges, edges))
    with np.errstate(all="ignore"):
        expected = REFERENCES[name](a, b)
    results = evaluate(name, a, b)
    agrees = _same(results, expected) | np.isclose(results, expected, rtol=4 * np.finfo(dtype).eps, atol=0)
    agrees &= (np.signbit(results) == np.signbit(expected)) | np.isnan(expected)
    assert agrees.all(), f"{name} of {a[~agrees]}, {b[~agrees]} is {results[~agrees]} and not {expected[~agrees]}"


@pytest.mark.parametrize("name", sorted(POINTS))
def test_known_values(name: str) -> None:
    points = [point for point in POINTS[name] if point[0] > 0 or name not in ("digamma", "lgamma")]
    x, exact = np.array(points).T
    distance = distance_in_last_digits(evaluate(name, x), exact.astype(np.longdouble))
    # The known values are themselves half a unit off.
    assert distance.max() <= _bound(name, np.float64) + 0.5


@pytest.mark.parametrize("name", [name for name in POINTS if " " in name])
def test_known_values_in_single_precision(name: str) -> None:
    """At points that have few digits, and values within the range."""
    x, exact = np.array([point for point in POINTS[name] if abs(point[0]) < 1e30 and abs(point[1]) < 1e38]).T
    has_few_digits = x.astype(np.float32) == x
    x, exact = x[has_few_digits], exact[has_few_digits]
    distance = distance_in_last_digits(evaluate(name, x.astype(np.float32)), exact)
    assert distance.max() <= 1


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("name", sorted(_SPECIAL_VALUES))
def test_special_values(name: str, dtype: Any) -> None:
    operands, expected = np.array([*_SPECIAL_VALUES[name], (_NAN, _NAN)], dtype).T
    results = evaluate(name, operands)
    wrong = ~_same(results, expected)
    assert not wrong.any(), f"{name} of {operands[wrong]} is {results[wrong]} and not {expected[wrong]}"


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("name", ["cos", "sin", "tan"])
def test_angles_next_to_a_multiple_of_half_pi(name: str, dtype: Any) -> None:
    largest = float(np.finfo(dtype).max)
    _assert_within_bound(name, (np.array([_WORST_ANGLES[dtype], -_WORST_ANGLES[dtype], largest, 1e22], dtype),))


@pytest.mark.parametrize(
    "name", ["asin", "asinh", "atan", "erf", "erfinv", "expm1", "log1p", "sin", "sqrt", "tan", "tanh"]
)
def test_subnormal_operands_are_not_zero(name: str) -> None:
    x = np.abs(np.array(_TINY, np.float32)) if name == "sqrt" else np.array(_TINY, np.float32)
    assert (evaluate(name, x) != 0).all()
    _assert_within_bound(name, (x,))


def test_subnormal_results_are_not_zero() -> None:
    x = np.array([-88.0, -95.0, -103.0], np.float32)
    assert (evaluate("exp", x) > 0).all()
    assert (evaluate("sigmoid", x) > 0).all()
    assert (evaluate("pow", np.full(3, 2.0, np.float32), np.array([-130, -140, -149], np.float32)) > 0).all()


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("name", _UNARY)
def test_the_place_in_an_array_does_not_matter(name: str, dtype: Any) -> None:
    """The vector part of a loop and what is left over have the same bits."""
    x = _points(dtype)[-1000:]
    together = evaluate(name, x)
    for count in (1, 3):
        few = evaluate(name, x[:count])
        assert few.tobytes() == together[:count].tobytes()
    shifted = evaluate(name, x[1:])
    assert shifted.tobytes() == together[1:].tobytes()


def _width_in_bits() -> int:
    """How wide the processor's vectors are."""
    features = binding.get_host_cpu_features()
    return 512 if features.get("avx512f") else 256 if features.get("avx2") else 128


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.FLOAT64])
@pytest.mark.parametrize("name", _VECTORISED)
def test_a_loop_becomes_vector_instructions(name: str, dtype: DType) -> None:
    module = ir.Module()
    MathLoop(name, dtype, 1024).define(module)
    text = optimised_text(str(module))
    widths = {
        int(count) * (32 if number == "float" else 64)
        for count, number in re.findall(r"(?:fadd|fmul|fdiv|call) <(\d+) x (float|double)>", text)
    }
    assert _width_in_bits() in widths


def test_a_module_defines_a_function_once() -> None:
    module = ir.Module()
    first = math_function(module, "exp", DType.FLOAT32)
    assert math_function(module, "exp", DType.FLOAT32) is first
    assert math_function(module, "exp", DType.FLOAT64) is not first
    assert polygamma_function(module, 0, DType.FLOAT32) is math_function(module, "digamma", DType.FLOAT32)


@pytest.mark.parametrize(("name", "dtype"), [("gelu", DType.FLOAT32), ("exp", DType.FLOAT16)])
def test_what_is_not_there(name: str, dtype: DType) -> None:
    with pytest.raises(KeyError):
        math_function(ir.Module(), name, dtype)
