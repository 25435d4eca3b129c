"""Sorting, norms and running products that the op's own rule refuses."""

from op_samples.refusals.case import Case

__all__ = ["CASES"]

CASES: list[Case] = [
    *(
        Case(
            op,
            ["float32[2, 3]"],
            {"axis": 2},
            "/axis",
            'axis 2 is out of range for "x0" float32[2, 3]: an axis from -2 to 1 is needed',
        )
        for op in ("sort", "argsort", "cumulative_prod")
    ),
    Case(
        "sort", ["float32[]"], {}, "/axis", 'axis -1 is out of range for "x0" float32[]: a rank-0 operand has no axis'
    ),
    Case(
        "top_k",
        ["float32[2, 3]"],
        {"k": 2, "axis": -3},
        "/axis",
        'axis -3 is out of range for "x0" float32[2, 3]: an axis from -2 to 1 is needed',
    ),
    Case(
        "top_k",
        ["float32[n, 3]"],
        {"k": 4},
        "/k",
        'k is 4, and axis 1 of "x0" float32[n, 3] has 3 elements; at most 3 is needed',
    ),
    Case("std", ["float32[2]"], {"correction": "nan"}, "/correction", "correction is nan; a finite number is needed"),
    Case(
        "std",
        ["float16[2]"],
        {"correction": 1e39},
        "/correction",
        'correction is 1e+39, which overflows the dtype of "x0" float16[2]',
    ),
    Case(
        "std",
        ["float32[2]"],
        {"axis": [0, -1]},
        "/axis",
        'axis [0, -1] names an axis of "x0" float32[2] twice',
    ),
    Case("norm", ["float32[2]"], {"ord": "nan"}, "/ord", "ord is nan; a number, inf or -inf is needed"),
    Case("norm", ["float32[2]"], {"ord": 1e39}, "/ord", 'ord is 1e+39, which overflows the dtype of "x0" float32[2]'),
    Case(
        "norm",
        ["float32[n, 0]"],
        {"ord": "inf"},
        "/inputs/0",
        '"x0" float32[n, 0] has no element along axis 1; for ord inf at least one is needed',
    ),
    Case(
        "norm",
        ["float32[n, 0]"],
        {"ord": -1.0, "axis": [1]},
        "/inputs/0",
        '"x0" float32[n, 0] has no element along axis 1; for ord -1.0 at least one is needed',
    ),
]
