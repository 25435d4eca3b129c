"""Samples of element-wise arithmetic: each formula once over the reals, then edges, integers and broadcasting."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from asg_schema.op import Op
from asg_schema.ops.elementwise import (
    Abs,
    Add,
    Ceil,
    Divide,
    Floor,
    Maximum,
    Minimum,
    Multiply,
    Negative,
    Pow,
    Remainder,
    Round,
    Sign,
    StopGradient,
    Subtract,
    Where,
)
from asg_schema.ops.elementwise_functions import (
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atan2,
    Atanh,
    Cos,
    Cosh,
    Digamma,
    Erf,
    Erfinv,
    Exp,
    Expm1,
    Lgamma,
    Log,
    Log1p,
    Polygamma,
    Rsqrt,
    Sigmoid,
    Sin,
    Sinh,
    Sqrt,
    Tan,
    Tanh,
)
from op_samples.sample import Array, Sample, by_element, expecting, floats, spread
from op_samples.special_functions import digamma, erfinv, polygamma

_INF, _NAN = math.inf, math.nan

# An op, a Python function that has the same value, and points at which it is smooth.
_UNARY: list[tuple[type[Op], Callable[[float], float], Array]] = [
    (Negative, lambda x: 0.0 - x, floats(-2.5, 0.75, 3.25)),
    (Abs, lambda x: max(x, -x), floats(-2.5, -0.01, 0.75, 3.25)),
    (Sign, lambda x: math.copysign(1.0, x), floats(-2.5, -0.01, 0.75)),
    (Exp, math.exp, floats(-2.5, -0.3, 0.0, 0.7, 3.1)),
    (Expm1, math.expm1, floats(-2.5, -1e-6, 1e-6, 0.7, 3.1)),
    (Log, math.log, floats(0.05, 0.9, 2.0, 37.5)),
    (Log1p, math.log1p, floats(-0.7, -1e-6, 1e-6, 2.0, 37.5)),
    (Sqrt, math.sqrt, floats(0.05, 0.9, 2.0, 37.5)),
    (Rsqrt, lambda x: math.exp(-0.5 * math.log(x)), floats(0.05, 0.9, 2.0, 37.5)),
    (Sin, math.sin, floats(-4.0, -0.3, 0.0, 1.1, 2.6)),
    (Cos, math.cos, floats(-4.0, -0.3, 0.0, 1.1, 2.6)),
    (Tan, math.tan, floats(-4.0, -0.3, 0.0, 1.1, 2.6)),
    (Asin, math.asin, floats(-0.9, -0.3, 0.0, 0.6)),
    (Acos, math.acos, floats(-0.9, -0.3, 0.0, 0.6)),
    (Atan, math.atan, floats(-9.0, -0.3, 0.0, 0.6, 40.0)),
    (Sinh, math.sinh, floats(-3.0, -0.3, 0.0, 1.6)),
    (Cosh, math.cosh, floats(-3.0, -0.3, 0.0, 1.6)),
    (Tanh, math.tanh, floats(-3.0, -0.3, 0.0, 1.6)),
    (Asinh, math.asinh, floats(-30.0, -0.3, 0.0, 1.6)),
    (Acosh, math.acosh, floats(1.2, 2.0, 30.0)),
    (Atanh, math.atanh, floats(-0.9, -0.3, 0.0, 0.6)),
    (Erf, math.erf, floats(-2.5, -0.3, 0.0, 1.1)),
    (Erfinv, erfinv, floats(-0.95, -0.3, 0.05, 0.8)),
    (Floor, math.floor, floats(-2.5, -0.25, 0.75, 3.25)),
    (Ceil, math.ceil, floats(-2.5, -0.25, 0.75, 3.25)),
    (Round, round, floats(-2.75, -0.25, 0.75, 3.25)),
    (Sigmoid, lambda x: 0.5 * (1.0 + math.tanh(0.5 * x)), floats(-3.0, -0.3, 0.0, 1.6, 6.0)),
    (Lgamma, math.lgamma, floats(0.3, 2.75, 3.4, 7.2)),
    (Digamma, digamma, floats(0.3, 1.0, 2.75, 7.2)),
]

_BINARY: list[tuple[type[Op], Callable[[float, float], float], Array, Array]] = [
    (Add, lambda a, b: b - (-a), spread(2, 3), spread(3)),
    (Subtract, lambda a, b: a + (-b), spread(2, 3), spread(2, 1)),
    (Multiply, lambda a, b: a / (1.0 / b), spread(2, 1), spread(3)),
    (Divide, lambda a, b: a * b**-1, spread(2, 3), spread(3, low=0.5)),
    (Pow, lambda a, b: math.exp(b * math.log(a)), spread(2, 3, low=0.3), spread(3)),
    (Maximum, lambda a, b: a if a > b else b, spread(2, 3), spread(3) + 0.3),
    (Minimum, lambda a, b: a if a < b else b, spread(2, 3), spread(3) + 0.3),
    (Atan2, math.atan2, floats(1.5, 1.5, -0.5, -0.5), floats(0.25, -2.0, -2.0, 0.25)),
    (Remainder, lambda a, b: a - math.floor(a / b) * b, floats(5.5, -5.5, 5.5, -5.5), floats(2.0, 2.0, -2.0, -2.0)),
]

_UNARY_EDGES: list[tuple[type[Op], Array, list[float]]] = [
    (Negative, floats(0.0, _INF, _NAN), [-0.0, -_INF, _NAN]),
    (Abs, floats(0.0, -0.0, -_INF, _NAN), [0.0, 0.0, _INF, _NAN]),
    (Sign, floats(0.0, -0.0, -_INF, _NAN), [0.0, -0.0, -1.0, _NAN]),
    (Exp, floats(-_INF, _INF, -1e4, 1e4, _NAN), [0.0, _INF, 0.0, _INF, _NAN]),
    (Expm1, floats(-_INF, _INF, 1e-12, -1e4, -0.0), [-1.0, _INF, 1.0000000000005e-12, -1.0, -0.0]),
    (Log, floats(0.0, -1.0, _INF, 1.0), [-_INF, _NAN, _INF, 0.0]),
    (Log1p, floats(-1.0, -2.0, _INF, 1e-12, -0.0), [-_INF, _NAN, _INF, 0.9999999999995e-12, -0.0]),
    (Sqrt, floats(0.0, -0.0, -1.0, _INF), [0.0, -0.0, _NAN, _INF]),
    (Rsqrt, floats(0.0, -0.0, -1.0, _INF, 4.0), [_INF, -_INF, _NAN, 0.0, 0.5]),
    (Sin, floats(_INF, -_INF, _NAN), [_NAN, _NAN, _NAN]),
    (Cos, floats(_INF, -_INF, _NAN), [_NAN, _NAN, _NAN]),
    (Tan, floats(_INF, -_INF, _NAN), [_NAN, _NAN, _NAN]),
    (Asin, floats(1.0, -1.0, 2.0), [math.pi / 2, -math.pi / 2, _NAN]),
    (Acos, floats(1.0, -1.0, 2.0), [0.0, math.pi, _NAN]),
    (Atan, floats(_INF, -_INF), [math.pi / 2, -math.pi / 2]),
    (Sinh, floats(_INF, -_INF, 1e4), [_INF, -_INF, _INF]),
    (Cosh, floats(_INF, -_INF, 1e4), [_INF, _INF, _INF]),
    (Tanh, floats(_INF, -_INF, 1e4), [1.0, -1.0, 1.0]),
    (Asinh, floats(_INF, -_INF), [_INF, -_INF]),
    (Acosh, floats(1.0, 0.5, _INF), [0.0, _NAN, _INF]),
    (Atanh, floats(1.0, -1.0, 2.0), [_INF, -_INF, _NAN]),
    (Erf, floats(_INF, -_INF, 30.0), [1.0, -1.0, 1.0]),
    (Erfinv, floats(1.0, -1.0, 2.0, 0.0), [_INF, -_INF, _NAN, 0.0]),
    (Floor, floats(-3.0, 0.0, -0.0, _INF, _NAN), [-3.0, 0.0, -0.0, _INF, _NAN]),
    (Ceil, floats(-3.0, 0.0, -0.25, _INF, _NAN), [-3.0, 0.0, -0.0, _INF, _NAN]),
    (Round, floats(-2.5, -0.5, 0.5, 1.5, 2.5, _INF), [-2.0, -0.0, 0.0, 2.0, 2.0, _INF]),
    (Sigmoid, floats(-800.0, 800.0, -_INF, _INF, _NAN), [0.0, 1.0, 0.0, 1.0, _NAN]),
    (Lgamma, floats(0.0, -1.0, 1.0, 2.0, _INF, -_INF), [_INF, _INF, 0.0, 0.0, _INF, _INF]),
    (Digamma, floats(0.0, -0.0, -1.0, -2.0, _INF, -_INF), [-_INF, _INF, _NAN, _NAN, _INF, _NAN]),
]

_BINARY_EDGES: list[tuple[type[Op], Array, Array, list[float]]] = [
    (Add, floats(_INF, _INF, 1e308), floats(-_INF, 1.0, 1e308), [_NAN, _INF, _INF]),
    (Subtract, floats(_INF, _INF), floats(_INF, 1.0), [_NAN, _INF]),
    (Multiply, floats(_INF, _INF, 1e308), floats(0.0, -2.0, 10.0), [_NAN, -_INF, _INF]),
    (Divide, floats(1.0, -1.0, 0.0, 1.0), floats(0.0, 0.0, 0.0, _INF), [_INF, -_INF, _NAN, 0.0]),
    (Maximum, floats(_NAN, 1.0, 2.0, -_INF), floats(1.0, _NAN, 2.0, _INF), [_NAN, _NAN, 2.0, _INF]),
    (Minimum, floats(_NAN, 1.0, 2.0, -_INF), floats(1.0, _NAN, 2.0, _INF), [_NAN, _NAN, 2.0, -_INF]),
    (Atan2, floats(0.0, 0.0, 1.0, -1.0), floats(1.0, -1.0, 0.0, 0.0), [0.0, math.pi, math.pi / 2, -math.pi / 2]),
    (Remainder, floats(1.0, 0.0, 6.0, -6.0), floats(0.0, 0.0, 3.0, 3.0), [_NAN, _NAN, 0.0, 0.0]),
    (
        Pow,
        floats(0.0, _NAN, -2.0, -2.0, 0.0, 0.0, _INF, 2.0),
        floats(0.0, 0.0, 3.0, 0.5, 2.0, -1.0, -1.0, 0.0),
        [1.0, 1.0, -8.0, _NAN, 0.0, _INF, 0.0, 1.0],
    ),
]

_INTEGER: list[tuple[str, type[Op], list[Array], list[int]]] = [
    ("int8_wraps", Negative, [np.array([-128, -1, 7], np.int8)], [-128, 1, -7]),
    ("uint8_wraps", Negative, [np.array([0, 1, 200], np.uint8)], [0, 255, 56]),
    ("int8_wraps", Abs, [np.array([-128, -1, 7], np.int8)], [-128, 1, 7]),
    ("uint32", Abs, [np.array([0, 4294967295], np.uint32)], [0, 4294967295]),
    ("int32", Sign, [np.array([-9, 0, 4], np.int32)], [-1, 0, 1]),
    ("uint8", Sign, [np.array([0, 200], np.uint8)], [0, 1]),
    ("int64", Floor, [np.array([-9, 0, 2**62 + 1], np.int64)], [-9, 0, 2**62 + 1]),
    ("int8", Ceil, [np.array([-9, 0, 4], np.int8)], [-9, 0, 4]),
    ("uint32", Round, [np.array([9, 4294967295], np.uint32)], [9, 4294967295]),
    ("int8_wraps", Add, [np.array([127, -128], np.int8), np.array([1, -1], np.int8)], [-128, 127]),
    ("int64_wraps", Add, [np.array([2**63 - 1, -(2**63)]), np.array([1, -1])], [-(2**63), 2**63 - 1]),
    ("int32_wraps", Subtract, [np.array([-(2**31)], np.int32), np.array([1], np.int32)], [2**31 - 1]),
    ("int64_wraps", Multiply, [np.array([2**62 + 1]), np.array([6])], [-(2**63) + 6]),
    ("uint8_wraps", Subtract, [np.array([0, 5], np.uint8), np.array([1, 3], np.uint8)], [255, 2]),
    (
        "uint32_wraps",
        Multiply,
        [np.array([65536, 7], np.uint32), np.array([65537, 6], np.uint32)],
        [65536, 42],
    ),
    ("int64", Maximum, [np.array([2**62, -5], np.int64), np.array([2**62 + 1, -6], np.int64)], [2**62 + 1, -5]),
    ("uint8", Minimum, [np.array([200, 3], np.uint8), np.array([199, 4], np.uint8)], [199, 3]),
    (
        "int32",
        Pow,
        [np.array([2, -3, 0, 5, 1, -1], np.int32), np.array([10, 3, 0, -1, -2, -1], np.int32)],
        [1024, -27, 1, 0, 0, 0],
    ),
    ("uint8_wraps", Pow, [np.array([2, 3], np.uint8), np.array([8, 6], np.uint8)], [0, 217]),
    (
        "int32_sign_of_divisor",
        Remainder,
        [np.array([7, -7, 7, -7, 5, -(2**31)], np.int32), np.array([3, 3, -3, -3, 0, -1], np.int32)],
        [1, 2, -2, -1, 0, 0],
    ),
    ("uint32", Remainder, [np.array([4294967295, 9], np.uint32), np.array([10, 0], np.uint32)], [5, 0]),
]


def _unary_samples() -> list[Sample]:
    smooth = [Sample(f"{op.name}.smooth", op, (x,), {}, by_element(function)) for op, function, x in _UNARY]
    edges = [
        Sample(f"{op.name}.edges", op, (x,), {}, expecting(*values), differentiable=False)
        for op, x, values in _UNARY_EDGES
    ]
    rank_0 = [
        Sample(f"{op.name}.rank_0", op, (np.array(x[0]),), {}, by_element(function)) for op, function, x in _UNARY
    ]
    return [*smooth, *rank_0, *edges]


def _binary_samples() -> list[Sample]:
    smooth = [Sample(f"{op.name}.smooth", op, (a, b), {}, by_element(function)) for op, function, a, b in _BINARY]
    swapped = [
        Sample(f"{op.name}.rank_0_with_matrix", op, (np.array(1.37), spread(2, 3, low=0.6) + 0.01), {}, by_element(f))
        for op, f, _, _ in _BINARY
    ]
    edges = [
        Sample(f"{op.name}.edges", op, (a, b), {}, expecting(*values), differentiable=False)
        for op, a, b, values in _BINARY_EDGES
    ]
    return [*smooth, *swapped, *edges]


def _integer_samples() -> list[Sample]:
    return [
        Sample(f"{op.name}.{name}", op, tuple(operands), {}, expecting(*values, dtype=operands[0].dtype))
        for name, op, operands, values in _INTEGER
    ]


def _same(x: Any) -> Any:
    return x


def _stop_gradient_sample(name: str, x: Array) -> Sample:
    return Sample(f"stop_gradient.{name}", StopGradient, (x,), {}, by_element(_same))


def _polygamma_sample(n: int) -> Sample:
    return Sample(
        f"polygamma.n_{n}", Polygamma, (floats(0.3, 1.0, 2.75, 7.2),), {"n": n}, by_element(lambda x: polygamma(n, x))
    )


def _choose(condition: bool, a: Any, b: Any) -> Any:
    return a if condition else b


_MASK = np.array([[True, False, True], [False, False, True]])

_SHAPES = [
    # 65504 is the largest float16, and 2⁻¹⁴⁹ the smallest float32 above 0: neither overflows late nor vanishes early.
    Sample(
        "add.float16_overflows",
        Add,
        (np.array([65504.0, 65504.0], np.float16), np.array([15.0, 16.0], np.float16)),
        {},
        expecting(65504.0, _INF, dtype=np.float16),
    ),
    Sample(
        "multiply.float32_subnormal",
        Multiply,
        (np.array([2.0**-120, 2.0**-148, -(2.0**-149)], np.float32), np.array([2.0**-20, 0.5, 1.0], np.float32)),
        {},
        expecting(2.0**-140, 2.0**-149, -(2.0**-149), dtype=np.float32),
    ),
    Sample("exp.empty", Exp, (np.zeros((0, 3)),), {}, by_element(math.exp)),
    Sample("exp.rank_4", Exp, (spread(2, 1, 2, 3),), {}, by_element(math.exp)),
    Sample("add.outer", Add, (spread(3, 1), spread(1, 4)), {}, by_element(lambda a, b: a + b)),
    Sample("add.rank_0", Add, (np.array(0.7), np.array(-0.2)), {}, by_element(lambda a, b: a + b)),
    Sample("add.size_1_axis_and_new_axis", Add, (spread(1), spread(2, 1, 1)), {}, by_element(lambda a, b: a + b)),
    Sample("multiply.empty_with_size_1", Multiply, (np.zeros((2, 0)), spread(2, 1)), {}, by_element(lambda a, b: a)),
    Sample("divide.three_axes", Divide, (spread(2, 1, 3), spread(2, 1, low=0.5)), {}, by_element(lambda a, b: a / b)),
    Sample(
        "lgamma.negative", Lgamma, (floats(-0.5, -2.3, -3.7),), {}, by_element(math.lgamma), differentiable=False
    ),  # its second derivative is polygamma, which is defined for x > 0
    Sample(
        "digamma.negative", Digamma, (floats(-0.4, -2.3, -3.7),), {}, by_element(digamma), differentiable=False
    ),  # as above
    Sample("pow.square", Pow, (floats(1.3, 0.4, 2.0), np.array(2.0)), {}, by_element(lambda a, b: a * a)),
    Sample("pow.zero_exponent", Pow, (floats(1.3, 0.4, 2.0), np.array(0.0)), {}, by_element(lambda a, b: 1.0)),
]

_WHERE = [
    Sample("where.same_shape", Where, (_MASK, spread(2, 3), spread(2, 3) + 5.0), {}, by_element(_choose)),
    Sample("where.broadcast", Where, (_MASK[:1], spread(2, 1), np.array(0.5)), {}, by_element(_choose)),
    Sample("where.rank_0_condition", Where, (np.array(False), spread(3), spread(2, 3)), {}, by_element(_choose)),
    Sample(
        "where.int32", Where, (_MASK[0], np.arange(3, dtype=np.int32), np.array(9, np.int32)), {}, by_element(_choose)
    ),
    Sample("where.bool", Where, (_MASK[0], ~_MASK[0], _MASK[1]), {}, by_element(_choose)),
    Sample(
        "where.not_finite",
        Where,
        (_MASK[0], floats(1.0, _NAN, _INF), floats(_NAN, 2.0, _NAN)),
        {},
        expecting(1.0, 2.0, _INF),
        differentiable=False,
    ),
]

SAMPLES: list[Sample] = [
    *_unary_samples(),
    *_binary_samples(),
    *_integer_samples(),
    *(_polygamma_sample(n) for n in (0, 1, 2, 5)),
    Sample("polygamma.rank_0", Polygamma, (np.array(1.7),), {"n": 1}, by_element(lambda x: polygamma(1, x))),
    _stop_gradient_sample("float64", spread(2, 3)),
    _stop_gradient_sample("uint8", np.array([1, 200], np.uint8)),
    _stop_gradient_sample("rank_0", np.array(1.5)),
    _stop_gradient_sample("bool", np.array([True, False])),
    *_SHAPES,
    *_WHERE,
]
