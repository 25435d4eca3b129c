"""Activations that the op's own rule refuses."""

from op_samples.refusals.case import Case

__all__ = ["CASES"]

CASES: list[Case] = [
    Case("elu", ["float32[2]"], {"alpha": "inf"}, "/alpha", "alpha is inf; a finite number is needed"),
    Case(
        "elu",
        ["float16[2]"],
        {"alpha": 1e39},
        "/alpha",
        'alpha is 1e+39, which overflows the dtype of "x0" float16[2]',
    ),
    Case("celu", ["float32[2]"], {"alpha": 0.0}, "/alpha", "alpha is 0.0; a finite number other than 0 is needed"),
    Case(
        "hardtanh",
        ["float32[2]"],
        {"min_val": 2.0},
        "/max_val",
        "max_val is 1.0 and min_val is 2.0; at least min_val is needed",
    ),
    Case("hardtanh", ["float32[2]"], {"min_val": "nan"}, "/min_val", "min_val is nan; a number is needed"),
    Case(
        "hardtanh",
        ["float16[2]"],
        {"max_val": 1e6},
        "/max_val",
        'max_val is 1000000.0, which overflows the dtype of "x0" float16[2]',
    ),
    Case(
        "softshrink",
        ["float32[2]"],
        {"lambd": -0.5},
        "/lambd",
        "lambd is -0.5; a finite number of at least 0 is needed",
    ),
    Case("hardshrink", ["float32[2]"], {"lambd": "nan"}, "/lambd", "lambd is nan; a number is needed"),
    Case(
        "prelu",
        ["float32[2, 3]", "float32[2]"],
        {},
        "/inputs/1",
        '"x1" float32[2] is the weight; shape [] or [1], or [3] for one number a channel, is needed there',
    ),
    Case(
        "prelu",
        ["float32[3]", "float32[3]"],
        {},
        "/inputs/1",
        '"x1" float32[3] is the weight; shape [] or [1] is needed there',
    ),
    Case("glu", ["float32[2, 3]"], {}, "/inputs/0", 'axis 1 of "x0" float32[2, 3] is 3; an even size is needed there'),
    Case("glu", ["float32[n]"], {}, "/inputs/0", 'axis 0 of "x0" float32[n] is n; an even size is needed there'),
    Case(
        "glu",
        ["float32[2, 4]"],
        {"axis": 2},
        "/axis",
        'axis 2 is out of range for "x0" float32[2, 4]: an axis from -2 to 1 is needed',
    ),
]
