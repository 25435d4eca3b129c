"""Samples of comparisons, tests and logic."""

import math
import operator
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from asg_schema.op import Op
from asg_schema.ops.comparison import (
    Equal,
    Greater,
    GreaterEqual,
    IsFinite,
    IsInf,
    IsNan,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalNot,
    LogicalOr,
    LogicalXor,
    NotEqual,
)
from op_samples.sample import Array, Sample, by_element, expecting, floats, spread

_INF, _NAN = math.inf, math.nan
_COMPARISONS: list[tuple[type[Op], Callable[[Any, Any], bool]]] = [
    (Equal, operator.eq),
    (NotEqual, operator.ne),
    (Less, operator.lt),
    (LessEqual, operator.le),
    (Greater, operator.gt),
    (GreaterEqual, operator.ge),
]
_LOGIC: list[tuple[type[Op], Callable[[bool, bool], bool]]] = [
    (LogicalAnd, lambda a, b: a and b),
    (LogicalOr, lambda a, b: a or b),
    (LogicalXor, lambda a, b: a is not b),
]
_TESTS: list[tuple[type[Op], Callable[[float], bool]]] = [
    (IsNan, lambda x: x != x),
    (IsInf, lambda x: abs(x) == _INF),
    (IsFinite, lambda x: abs(x) < _INF),
]
_LEFT: list[tuple[str, Array, Array]] = [
    ("floats", floats(1.0, 2.0, 3.0, -0.0, _NAN, _NAN, _INF), floats(2.0, 2.0, 2.0, 0.0, _NAN, 1.0, _INF)),
    ("broadcast", np.array([[1], [2]], np.int32), np.array([0, 1, 2, 3], np.int32)),
    ("uint32", np.array([0, 4294967295], np.uint32), np.array([4294967295, 4294967295], np.uint32)),
    ("int64_beyond_float64", np.array([2**62, 2**62 + 1]), np.array([2**62 + 1, 2**62 + 1])),
    ("bfloat16", np.array([1.0, 2.0], ml_dtypes.bfloat16), np.array(1.0, ml_dtypes.bfloat16)),
    ("empty", np.zeros((0, 2)), spread(2)),
]
_BOOLS = (np.array([[False], [True]]), np.array([False, True]))

SAMPLES: list[Sample] = [
    *(
        Sample(f"{op.name}.{name}", op, (a, b), {}, by_element(function, np.bool_))
        for op, function in _COMPARISONS
        for name, a, b in _LEFT
    ),
    Sample("equal.bool", Equal, _BOOLS, {}, by_element(operator.eq, np.bool_)),
    Sample("not_equal.bool", NotEqual, _BOOLS, {}, by_element(operator.ne, np.bool_)),
    *(Sample(f"{op.name}.table", op, _BOOLS, {}, by_element(function, np.bool_)) for op, function in _LOGIC),
    *(
        Sample(f"{op.name}.rank_0", op, (np.array(True), np.array(False)), {}, by_element(function, np.bool_))
        for op, function in _LOGIC
    ),
    Sample("logical_not.table", LogicalNot, (np.array([False, True]),), {}, expecting(True, False, dtype=np.bool_)),
    Sample("logical_not.rank_0", LogicalNot, (np.array(True),), {}, lambda x: np.array(False)),
    *(
        Sample(f"{op.name}.edges", op, (floats(0.0, 1e300, _INF, -_INF, _NAN),), {}, by_element(function, np.bool_))
        for op, function in _TESTS
    ),
    *(
        Sample(f"{op.name}.rank_0", op, (np.array(_NAN),), {}, by_element(function, np.bool_))
        for op, function in _TESTS
    ),
]
