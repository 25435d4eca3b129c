"""Nodes that draw random numbers."""

from op_samples.refusals.case import Case

__all__ = ["CASES"]

_KEY = "uint32[2]"

CASES = [
    Case("uniform", [_KEY], {"shape": [-1]}, "/shape", "a dim is at least 0, not -1"),
    Case(
        "uniform",
        ["uint32[3]"],
        {"shape": [1]},
        "/inputs/0",
        '"x0" uint32[3] is a random key; uint32[2] is needed there',
    ),
    Case(
        "uniform",
        [_KEY],
        {"shape": [1], "dtype": "int32"},
        "/dtype",
        "dtype is int32; a floating-point dtype is needed",
    ),
    Case("uniform", [_KEY], {"shape": [1], "low": 2.0}, "/low", "low is 2.0 and high 1.0; low ≤ high is needed"),
    Case("uniform", [_KEY], {"shape": [1], "high": "inf"}, "/high", "high is inf; a finite number is needed"),
    Case(
        "uniform",
        [_KEY],
        {"shape": [1], "dtype": "float16", "high": 1e5},
        "/high",
        "high is 100000.0, which overflows float16",
    ),
    Case(
        "uniform",
        [_KEY],
        {"shape": [1], "low": -3e38, "high": 3e38},
        "/high",
        "high - low is 6e+38, which overflows float32",
    ),
    Case("normal", [_KEY], {"shape": [1], "std": -1.0}, "/std", "std is -1.0; a number of at least 0 is needed"),
    Case("normal", [_KEY], {"shape": [1], "mean": "nan"}, "/mean", "mean is nan; a finite number is needed"),
    Case(
        "normal", [_KEY], {"shape": [1], "dtype": "bool"}, "/dtype", "dtype is bool; a floating-point dtype is needed"
    ),
    Case(
        "bernoulli",
        [_KEY, "float32[3]"],
        {"shape": [2]},
        "/shape",
        'shape is [2]; one to which the shape of "x1" float32[3] broadcasts is needed',
    ),
    Case(
        "bernoulli",
        [_KEY, "float32[3, 1]"],
        {"shape": [1]},
        "/shape",
        'shape is [1]; one to which the shape of "x1" float32[3, 1] broadcasts is needed',
    ),
    Case("bernoulli", [_KEY, "float32[]"], {"shape": [-2]}, "/shape", "a dim is at least 0, not -2"),
    Case(
        "bernoulli",
        ["uint32[]", "float32[]"],
        {},
        "/inputs/0",
        '"x0" uint32[] is a random key; uint32[2] is needed there',
    ),
    Case(
        "categorical",
        [_KEY, "float32[2, 3]"],
        {"axis": 2},
        "/axis",
        'axis 2 is out of range for "x1" float32[2, 3]: an axis from -2 to 1 is needed',
    ),
    Case(
        "categorical",
        [_KEY, "float32[2, 0]"],
        {},
        "/inputs/1",
        '"x1" float32[2, 0] has no class along axis 1; at least one is needed',
    ),
    Case(
        "categorical",
        [_KEY, "float32[2, 3]"],
        {"shape": [3]},
        "/shape",
        'shape is [3]; one to which the shape of "x1" float32[2, 3] without axis 1, [2], broadcasts is needed',
    ),
    Case(
        "categorical",
        ["uint32[1]", "float32[2]"],
        {},
        "/inputs/0",
        '"x0" uint32[1] is a random key; uint32[2] is needed there',
    ),
    Case(
        "dropout",
        ["float32[2]", _KEY],
        {"broadcast_axes": [1]},
        "/broadcast_axes",
        'broadcast_axes 1 is out of range for "x0" float32[2]: an axis from -1 to 0 is needed',
    ),
    Case(
        "dropout",
        ["float32[2]", _KEY],
        {"broadcast_axes": [0, -1]},
        "/broadcast_axes",
        'broadcast_axes [0, -1] names an axis of "x0" float32[2] twice',
    ),
]
