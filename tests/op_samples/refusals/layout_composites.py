"""Composites of layout that the op's own rule refuses."""

from op_samples.refusals.case import Case

__all__ = ["CASES"]

_RANK_64 = f"float32[{', '.join(['1'] * 64)}]"

CASES: list[Case] = [
    Case(
        "stack",
        ["float32[2, 3]", "float32[2, 3]", "float32[3, 2]"],
        {},
        "/inputs/2",
        '"x2" float32[3, 2] and "x0" float32[2, 3] differ in shape; they must have one',
    ),
    Case(
        "stack",
        ["float32[2, n]", "float32[2, n]"],
        {"axis": 3},
        "/axis",
        'axis 3 is out of range for the result, which has an axis more than "x0" float32[2, n]: an axis from -3 to 2 '
        "is needed",
    ),
    Case(
        "tile",
        ["float32[2, 3]"],
        {"repetitions": [2, -1]},
        "/repetitions",
        "repetitions [2, -1]: a count is at least 0, not -1",
    ),
    Case(
        "tile",
        [_RANK_64],
        {"repetitions": [2]},
        "/repetitions",
        f'"x0" {_RANK_64} and repetitions together have too many axes; those of the result and those that are repeated '
        "are at most 64",
    ),
    Case(
        "repeat",
        ["float32[2, 3]"],
        {"repeats": 2, "axis": 2},
        "/axis",
        'axis 2 is out of range for "x0" float32[2, 3]: an axis from -2 to 1 is needed',
    ),
    Case(
        "repeat",
        [_RANK_64],
        {"repeats": 2, "axis": 2},
        "/inputs/0",
        f'"x0" {_RANK_64} has 64 axes; at most 63 are allowed here',
    ),
    Case(
        "roll",
        ["float32[2, 3]"],
        {"shift": [1], "axis": [0, 1]},
        "/shift",
        "shift has 1 entries; one for each axis is needed: 2",
    ),
    Case("roll", ["float32[2, 3]"], {"shift": [1, 2]}, "/shift", "shift has 2 entries; one for each axis is needed: 1"),
    Case(
        "roll",
        ["float32[2, 3]"],
        {"shift": [1], "axis": [2]},
        "/axis",
        'axis 2 is out of range for "x0" float32[2, 3]: an axis from -2 to 1 is needed',
    ),
    Case(
        "pad_reflect",
        ["float32[2, 3]"],
        {"low": [1, 1], "high": [0, 3]},
        "/high",
        'high is 3 along axis 1 of "x0" float32[2, 3], whose size is 3; at most 2 is needed there',
    ),
    Case(
        "pad_reflect",
        ["float32[0]"],
        {"low": [1], "high": [0]},
        "/low",
        'low is 1 along axis 0 of "x0" float32[0], whose size is 0; at most 0 is needed there',
    ),
    Case(
        "pad_reflect",
        ["float32[2, n]"],
        {"low": [1], "high": [0, 0]},
        "/low",
        'low has 1 entries; "x0" float32[2, n] needs 2, one for each axis',
    ),
    Case(
        "pad_edge",
        ["float32[2]"],
        {"low": [-1], "high": [0]},
        "/low",
        "low [-1]: a count is at least 0, not -1",
    ),
    Case(
        "pad_edge",
        ["float32[0]"],
        {"low": [0], "high": [1]},
        "/high",
        'high is 1 along axis 0 of "x0" float32[0], whose size is 0; at most 0 is needed there',
    ),
]
