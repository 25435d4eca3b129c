"""Nodes of losses that their op's own rule refuses."""

from op_samples.refusals.case import Case

__all__ = ["CASES"]

_INDICES = ["float32[2, 3]", "int64[2]"]
_PROBABILITIES = ["float32[2, 3]", "float32[2, 3]"]

CASES = [
    Case(
        "cross_entropy",
        ["float32[n, 2147483648]", "int32[n]"],
        {},
        "/inputs/1",
        '"x1" int32[n] cannot tell 2147483648 classes apart; int64 is needed there',
    ),
    Case(
        "cross_entropy",
        ["float32[2, 3]", "int64[3]"],
        {},
        "/inputs/1",
        '"x1" int64[3] holds class indices; the shape of "x0" float32[2, 3] without axis 1, [2], is needed there',
    ),
    Case(
        "cross_entropy",
        ["float32[2, 3]", "float32[2]"],
        {},
        "/inputs/1",
        '"x1" float32[2] holds probabilities; the type of "x0" float32[2, 3] is needed there',
    ),
    Case(
        "cross_entropy",
        ["float32[2, 3]", "bool[2]"],
        {},
        "/inputs/1",
        '"x1" bool[2] is the target; class indices (int32 or int64) or probabilities (float32) are needed there',
    ),
    *(
        Case(
            "cross_entropy",
            _INDICES,
            {"label_smoothing": value},
            "/label_smoothing",
            f"label_smoothing is {shown}; a number from 0 to 1 is needed",
        )
        for value, shown in ((-0.1, "-0.1"), (1.5, "1.5"), ("nan", "nan"))
    ),
    Case(
        "cross_entropy",
        _PROBABILITIES,
        {"ignore_index": -100},
        "/ignore_index",
        'ignore_index is -100 and "x1" float32[2, 3] holds probabilities; class indices are needed there',
    ),
    *(
        Case(
            op,
            ["float32[2, 3]", "int32[2]"],
            {"ignore_index": 2**31},
            "/ignore_index",
            'ignore_index is 2147483648; for "x1" int32[2] an integer from -2147483648 to 2147483647 is needed',
        )
        for op in ("cross_entropy", "nll")
    ),
    *(
        Case(
            op,
            [*_INDICES, "float32[2]"],
            {},
            "/inputs/2",
            '"x2" float32[2] is the weight of each class; shape [3] is needed there',
        )
        for op in ("cross_entropy", "nll")
    ),
    Case(
        "nll",
        ["float32[2, 3]", "int64[2, 3]"],
        {"axis": 0},
        "/inputs/1",
        '"x1" int64[2, 3] holds class indices; the shape of "x0" float32[2, 3] without axis 0, [3], is needed there',
    ),
    Case(
        "binary_cross_entropy",
        ["float32[2, 3]", "float32[2]"],
        {},
        "/inputs/1",
        '"x1" float32[2] is the target; the shape of "x0" float32[2, 3] is needed there',
    ),
    *(
        Case(
            "binary_cross_entropy",
            [*_PROBABILITIES, weight],
            {},
            "/inputs/2",
            f'"x2" {weight} is the weight; a shape that broadcasts to that of "x0" float32[2, 3] is needed there',
        )
        for weight in ("float32[2]", "float32[4, 2, 3]")
    ),
]
