"""The native mathematical functions keep the bounds that they state, and have the special values that ops promise."""

import math
import re
from typing import Any

import numpy as np
import pytest
from llvmlite import binding, ir

from asg_executor.engines.native.compilation import optimised_text
from asg_executor.engines.native.math.functions import FUNCTIONS, math_function
from asg_schema.dtype import DType
from executor.native.loops import MathLoop, evaluate
from executor.native.math_references import (
    REFERENCES,
    SPECIAL_REFERENCES,
    distance_in_last_digits,
    float32_points,
    float64_points,
)

_INF, _NAN = math.inf, math.nan
_DTYPES = [np.float32, np.float64]
_UNARY = sorted(name for name, function in FUNCTIONS.items() if function.operands == 1)

# By name: operands and results, also of zeros by their signs.
_SPECIAL_VALUES: dict[str, list[tuple[float, float]]] = {
    "ceil": [(-0.25, -0.0), (-0.0, -0.0), (0.5, 1.0), (_INF, _INF), (-_INF, -_INF)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (_INF, 1.0), (-_INF, -1.0), (30.0, 1.0)],
    "exp": [(0.0, 1.0), (-0.0, 1.0), (_INF, _INF), (-_INF, 0.0), (1e4, _INF), (-1e4, 0.0)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (_INF, _INF), (-_INF, -1.0), (1e4, _INF), (-1e4, -1.0)],
    "floor": [(-0.25, -1.0), (-0.0, -0.0), (0.5, 0.0), (_INF, _INF), (-_INF, -_INF)],
    "log": [(0.0, -_INF), (-0.0, -_INF), (1.0, 0.0), (-1.0, _NAN), (_INF, _INF), (-_INF, _NAN)],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (-1.0, -_INF), (-2.0, _NAN), (_INF, _INF), (-_INF, _NAN)],
    "round": [(-0.5, -0.0), (0.5, 0.0), (1.5, 2.0), (2.5, 2.0), (-2.5, -2.0), (-0.0, -0.0), (_INF, _INF)],
    "rsqrt": [(0.0, _INF), (-0.0, -_INF), (4.0, 0.5), (-1.0, _NAN), (_INF, 0.0)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (_INF, 1.0), (-_INF, 0.0), (800.0, 1.0), (-800.0, 0.0)],
    "sqrt": [(0.0, 0.0), (-0.0, -0.0), (4.0, 2.0), (-1.0, _NAN), (_INF, _INF)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (_INF, 1.0), (-_INF, -1.0), (1e4, 1.0)],
}

_TINY = [2.0**-149, -(2.0**-149), 2.0**-127, -(2.0**-140), 2.0**-126]  # but for the last, subnormal in float32

_FAST = ["erf", "exp", "expm1", "log", "log1p", "rsqrt", "sigmoid", "sqrt", "tanh"]


def _points(dtype: Any) -> Any:
    return float32_points() if dtype == np.float32 else float64_points()


def _exact(name: str, *operands: Any) -> tuple[Any, float]:
    """What is right, in a higher precision, and by how many last digits of float64 it may be wrong itself."""
    wide = np.float64 if operands[0].dtype == np.float32 else np.longdouble
    with np.errstate(all="ignore"):
        if name in REFERENCES:
            return REFERENCES[name](*(operand.astype(wide) for operand in operands)), 0
        function, own_error = SPECIAL_REFERENCES[name]
        exact = function(*(operand.astype(np.float64) for operand in operands))
    return exact.astype(wide), own_error if wide is np.longdouble else 0


def _same(results: Any, expected: Any) -> Any:
    same_number = (results == expected) & (np.signbit(results) == np.signbit(expected))
    return same_number | (np.isnan(results) & np.isnan(expected))


def test_each_function_has_its_special_values_and_its_reference() -> None:
    assert set(_SPECIAL_VALUES) == set(FUNCTIONS)
    assert set(REFERENCES) | set(SPECIAL_REFERENCES) == set(FUNCTIONS)
    assert not set(REFERENCES) & set(SPECIAL_REFERENCES)


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("name", _UNARY)
def test_the_error_is_within_the_stated_bound(name: str, dtype: Any) -> None:
    x = _points(dtype)
    exact, own_error = _exact(name, x)
    distance = distance_in_last_digits(evaluate(name, x), exact)
    worst = int(np.argmax(distance))
    bound = FUNCTIONS[name].error(DType(np.dtype(dtype).name)) + own_error
    assert distance[worst] <= bound, f"{name}({x[worst]!r}) is {distance[worst]} units of its last digit off"


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("name", _UNARY)
def test_special_values(name: str, dtype: Any) -> None:
    operands, expected = np.array([*_SPECIAL_VALUES[name], (_NAN, _NAN)], dtype).T
    results = evaluate(name, operands)
    wrong = ~_same(results, expected)
    assert not wrong.any(), f"{name} of {operands[wrong]} is {results[wrong]} and not {expected[wrong]}"


@pytest.mark.parametrize("name", ["erf", "expm1", "log1p", "sqrt", "tanh"])
def test_subnormal_operands_are_not_zero(name: str) -> None:
    x = np.abs(np.array(_TINY, np.float32)) if name == "sqrt" else np.array(_TINY, np.float32)
    exact, _ = _exact(name, x)
    results = evaluate(name, x)
    assert (results != 0).all()
    assert distance_in_last_digits(results, exact).max() <= FUNCTIONS[name].error(DType.FLOAT32)


def test_subnormal_results_are_not_zero() -> None:
    x = np.array([-88.0, -95.0, -103.0], np.float32)
    assert (evaluate("exp", x) > 0).all()
    assert (evaluate("sigmoid", x) > 0).all()


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
@pytest.mark.parametrize("name", _FAST)
def test_a_loop_becomes_vector_instructions(name: str, dtype: DType) -> None:
    module = ir.Module()
    MathLoop(name, dtype, 1024).define(module)
    text = optimised_text(str(module))
    vector = f"<{_width_in_bits() // dtype.bits} x {'float' if dtype == DType.FLOAT32 else 'double'}>"
    assert re.search(rf"store {re.escape(vector)} %", text)
    assert re.search(rf"(fmul|fdiv|call) {re.escape(vector)} ", text)


def test_a_module_defines_a_function_once() -> None:
    module = ir.Module()
    first = math_function(module, "exp", DType.FLOAT32)
    assert math_function(module, "exp", DType.FLOAT32) is first
    assert math_function(module, "exp", DType.FLOAT64) is not first


@pytest.mark.parametrize(("name", "dtype"), [("gelu", DType.FLOAT32), ("exp", DType.FLOAT16)])
def test_what_is_not_there(name: str, dtype: DType) -> None:
    with pytest.raises(KeyError):
        math_function(ir.Module(), name, dtype)
