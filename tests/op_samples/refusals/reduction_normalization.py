"""Normalisations that the op's own rule refuses."""

from op_samples.refusals.case import Case

__all__ = ["CASES"]

CASES: list[Case] = [
    Case(
        "rms_norm",
        ["float32[2, 3]"],
        {"normalized_shape": []},
        "/normalized_shape",
        "normalized_shape is empty; it names at least one axis",
    ),
    Case(
        "rms_norm",
        ["float32[2, 3]"],
        {"normalized_shape": [2]},
        "/normalized_shape",
        'normalized_shape [2] is not the end of the shape of "x0" float32[2, 3]',
    ),
    Case(
        "rms_norm",
        ["float32[2, 3]", "float32[2]"],
        {"normalized_shape": [3]},
        "/inputs/1",
        '"x1" float32[2] is the weight; shape [3] is needed there',
    ),
    Case(
        "rms_norm",
        ["float32[2, 3]"],
        {"normalized_shape": [3], "eps": "nan"},
        "/eps",
        "eps is nan; a finite number of at least 0 is needed",
    ),
    Case(
        "batch_norm",
        ["float32[2, 3]", "float32[3]", "float32[3]"],
        {"axis": 2},
        "/axis",
        'axis 2 is out of range for "x0" float32[2, 3]: an axis from -2 to 1 is needed',
    ),
    Case(
        "batch_norm",
        ["float32[2, 3]", "float32[3]", "float32[2]"],
        {},
        "/inputs/2",
        '"x2" float32[2] is the var; shape [3] is needed there',
    ),
    Case(
        "batch_norm",
        ["float32[2, c]", "float32[c]", "float32[c]", "float32[c, 1]"],
        {},
        "/inputs/3",
        '"x3" float32[c, 1] is the weight; shape [c] is needed there',
    ),
    Case(
        "batch_norm",
        ["float16[2, 3]", "float16[3]", "float16[3]"],
        {"eps": 1e39},
        "/eps",
        'eps is 1e+39, which overflows the dtype of "x0" float16[2, 3]',
    ),
    Case(
        "group_norm",
        ["float32[6]"],
        {"num_groups": 2},
        "/inputs/0",
        '"x0" float32[6] has rank 1; shape [N, C, …] is needed there',
    ),
    Case(
        "group_norm",
        ["float32[2, 6]"],
        {"num_groups": 4},
        "/num_groups",
        'num_groups is 4 and axis 1 of "x0" float32[2, 6] is 6; a number that divides it is needed',
    ),
    Case(
        "group_norm",
        ["float32[2, c]"],
        {"num_groups": 2},
        "/num_groups",
        'num_groups is 2 and axis 1 of "x0" float32[2, c] is c; a number that divides it is needed',
    ),
    Case(
        "group_norm",
        ["float32[2, 6]", "float32[6]", "float32[3]"],
        {"num_groups": 2},
        "/inputs/2",
        '"x2" float32[3] is the bias; shape [6] is needed there',
    ),
    Case(
        "instance_norm",
        ["float32[2, 3]"],
        {},
        "/inputs/0",
        '"x0" float32[2, 3] has rank 2; shape [N, C, …] with at least one axis behind C is needed there',
    ),
    Case(
        "instance_norm",
        ["float32[2, 3, 4]", "float32[4]"],
        {},
        "/inputs/1",
        '"x1" float32[4] is the weight; shape [3] is needed there',
    ),
    Case(
        "instance_norm",
        ["float32[2, 3, 4]"],
        {"eps": -1.0},
        "/eps",
        "eps is -1.0; a finite number of at least 0 is needed",
    ),
]
