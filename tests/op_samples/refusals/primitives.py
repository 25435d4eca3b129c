"""Nodes of primitive ops that the op's own rule refuses."""

from op_samples.refusals.case import Case

__all__ = ["CASES"]

BROADCASTING = [
    *("add", "subtract", "multiply", "divide", "pow", "maximum", "minimum", "atan2", "remainder"),
    *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
]

CASES: list[Case] = [
    *(
        Case(
            op,
            ["float32[2, 3]", "float32[2]"],
            {},
            "/inputs/1",
            '"x1" float32[2] does not broadcast with "x0" float32[2, 3]: last axis 2 against 3; 3 or 1 is needed there',
        )
        for op in BROADCASTING
    ),
    *(
        Case(
            op,
            ["bool[n]", "bool[m]"],
            {},
            "/inputs/1",
            '"x1" bool[m] does not broadcast with "x0" bool[n]: last axis m against n; n or 1 is needed there',
        )
        for op in ("logical_and", "logical_or", "logical_xor")
    ),
    Case(
        "where",
        ["bool[3]", "int8[3]", "int8[2, 1, 4]"],
        {},
        "/inputs/2",
        '"x2" int8[2, 1, 4] does not broadcast with "x0" bool[3]: last axis 4 against 3; 3 or 1 is needed there',
    ),
    Case("polygamma", ["float32[2]"], {"n": -1}, "/n", "n is -1; at least 0 is needed"),
    Case(
        "astype",
        ["float32[2]"],
        {"dtype": "float8"},
        "/dtype",
        'dtype is "float8"; "float16", "bfloat16", "float32", "float64", "int8", "int32", "int64", "uint8", "uint32" '
        'or "bool" is needed; did you mean "float64"?',
    ),
    *(
        Case(
            op,
            ["float32[2, 3]"],
            {"axis": [0, 2]},
            "/axis",
            'axis 2 is out of range for "x0" float32[2, 3]: an axis from -2 to 1 is needed',
        )
        for op in ("sum", "prod", "max", "min", "mean", "var", "logsumexp", "flip")
    ),
    *(
        Case(
            op, ["float32[2, 3]"], {"axis": [1, -1]}, "/axis", 'axis [1, -1] names an axis of "x0" float32[2, 3] twice'
        )
        for op in ("sum", "prod", "max", "min", "mean", "var", "logsumexp", "flip")
    ),
    *(
        Case(
            op,
            ["float32[]"],
            {"axis": [0]},
            "/axis",
            'axis 0 is out of range for "x0" float32[]: a rank-0 operand has no axis',
        )
        for op in ("sum", "flip")
    ),
    *(
        Case(
            op,
            ["float32[2, 0]"],
            {},
            "/inputs/0",
            '"x0" float32[2, 0] has no element along axis 1; at least one is needed',
        )
        for op in ("max", "min", "argmax", "argmin")
    ),
    *(
        Case(
            op,
            ["float32[2, 3]"],
            {"axis": -3},
            "/axis",
            'axis -3 is out of range for "x0" float32[2, 3]: an axis from -2 to 1 is needed',
        )
        for op in ("argmax", "argmin", "cumulative_sum", "softmax", "log_softmax", "dim_size", "concat")
    ),
    *(
        Case(
            "pad",
            [f"{dtype}[2]"],
            {"low": [1], "high": [0], "value": value},
            "/value",
            f'value is {said}; for "x0" {dtype}[2] an integer from {span} is needed',
        )
        for dtype, value, said, span in (
            ("int8", 1.5, "1.5", "-128 to 127"),
            ("int8", 300, "300.0", "-128 to 127"),
            ("uint8", "nan", "nan", "0 to 255"),
            ("bool", "inf", "inf", "0 to 1"),
        )
    ),
    Case(
        "pad",
        ["float16[2]"],
        {"low": [1], "high": [0], "value": 1e9},
        "/value",
        'value is 1000000000.0, which overflows the dtype of "x0" float16[2]',
    ),
    Case(
        "constant",
        [],
        {"dtype": "bool", "shape": [2], "value": {"base64": "AQI="}},
        "/value",
        "value has a byte that is neither 0 nor 1; a bool is one of these",
    ),
    Case(
        "reshape",
        ["float32[n, 3]"],
        {"shape": ["n", 2]},
        "/shape",
        '"x0" float32[n, 3] has 3*n elements and shape [n, 2] has 2*n; they must be equal',
    ),
    Case("reshape", ["float32[4]"], {"shape": [-1, 2]}, "/shape", "shape [-1, 2]: a dim is at least 0, not -1"),
    Case(
        "permute_dims",
        ["int8[2, 3]"],
        {"axes": [1]},
        "/axes",
        'axes has 1 entries; "x0" int8[2, 3] needs 2, one for each axis',
    ),
    Case(
        "permute_dims", ["int8[2, 3]"], {"axes": [1, 1]}, "/axes", 'axes [1, 1] names an axis of "x0" int8[2, 3] twice'
    ),
    Case(
        "broadcast_to",
        ["float32[2, 3]"],
        {"shape": [3, 3]},
        "/shape",
        '"x0" float32[2, 3] does not broadcast to shape [3, 3]',
    ),
    Case("broadcast_to", ["float32[2]"], {"shape": []}, "/shape", '"x0" float32[2] does not broadcast to shape []'),
    Case(
        "concat",
        ["float32[2, 3]", "float32[2, 4]"],
        {"axis": 0},
        "/inputs/1",
        '"x1" float32[2, 4] differs from "x0" float32[2, 3] in an axis other than 0',
    ),
    Case(
        "slice",
        ["float32[4]"],
        {"start": [3], "stop": [2]},
        "/stop",
        'axis 0 of "x0" float32[4] is sliced from 3 to 2; 0 <= start <= stop <= 4 is needed',
    ),
    Case(
        "slice",
        ["float32[4]"],
        {"start": [0], "stop": [2, 2]},
        "/stop",
        'stop has 2 entries; "x0" float32[4] needs 1, one for each axis',
    ),
    Case(
        "slice",
        ["float32[4]"],
        {"start": [0], "stop": [2], "step": [0]},
        "/step/0",
        "step entry 0 is 0; at least 1 is needed",
    ),
    Case(
        "pad",
        ["float32[2]"],
        {"low": [-2], "high": [-1]},
        "/low",
        'axis 0 of "x0" float32[2] would get the size -1; low or high is too small',
    ),
    Case(
        "pad",
        ["float32[2]"],
        {"low": [1, 1], "high": [1]},
        "/low",
        'low has 2 entries; "x0" float32[2] needs 1, one for each axis',
    ),
    Case(
        "dynamic_slice",
        ["float32[4, 3]", "int64[1]"],
        {"shape": [2, 2]},
        "/inputs/1",
        '"x1" int64[1] holds one start for each axis of "x0" float32[4, 3]; shape [2] is needed',
    ),
    Case(
        "dynamic_slice",
        ["float32[4, 3]", "int64[2]"],
        {"shape": [2, 4]},
        "/shape",
        'axis 1 of shape [2, 4] does not fit into "x0" float32[4, 3]',
    ),
    Case(
        "dynamic_update_slice",
        ["float32[4]", "float32[5]", "int64[1]"],
        {},
        "/inputs/1",
        'axis 0 of "x1" float32[5] does not fit into "x0" float32[4]',
    ),
    Case(
        "index_add",
        ["float32[3, 2]", "int64[4]", "float32[3, 2]"],
        {"axis": 0},
        "/inputs/2",
        '"x2" float32[3, 2] is the source for "x0" float32[3, 2] and "x1" int64[4]; float32[4, 2] is needed there',
    ),
    Case(
        "take",
        ["float32[3]", "int64[2]"],
        {"axis": 1},
        "/axis",
        'axis 1 is out of range for "x0" float32[3]: an axis from -1 to 0 is needed',
    ),
    *(
        Case(
            op,
            ["float32[3, 2]", "int64[4, 3]", *more],
            {"axis": 0},
            "/inputs/1",
            '"x1" int64[4, 3] differs from "x0" float32[3, 2] in axis 1; only axis 0 may differ',
        )
        for op, more in (("take_along_axis", []), ("scatter_add_along_axis", ["float32[4, 3]"]))
    ),
    Case(
        "take_along_axis",
        ["float32[3, 2]", "int64[3]"],
        {},
        "/inputs/1",
        '"x1" int64[3] must have as many axes as "x0" float32[3, 2]',
    ),
    Case(
        "scatter_add_along_axis",
        ["float32[3, 2]", "int64[1, 2]", "float32[2, 2]"],
        {"axis": 0},
        "/inputs/2",
        '"x2" float32[2, 2] must have the shape of "x1" int64[1, 2]',
    ),
    Case(
        "matmul",
        ["float32[2, 3]", "float32[2, 3]"],
        {},
        "/inputs/1",
        'the last axis of "x0" float32[2, 3] is 3 and the last but one axis of "x1" float32[2, 3] is 2; they must be '
        "equal",
    ),
    Case(
        "matmul", ["float32[]", "float32[3]"], {}, "/inputs/0", '"x0" float32[] has rank 0; at least one axis is needed'
    ),
    Case(
        "matmul",
        ["float32[2, 3, 4]", "float32[5, 4, 2]"],
        {},
        "/inputs/1",
        '"x1" float32[5, 4, 2] does not broadcast with "x0" float32[2, 3, 4]: last axis 5 against 2; 2 or 1 is needed '
        "there",
    ),
    Case(
        "rng_bits",
        ["uint32[3]"],
        {"shape": [2]},
        "/inputs/0",
        '"x0" uint32[3] is a random key; uint32[2] is needed there, or […, 2] for several keys',
    ),
    Case("rng_bits", ["uint32[2]"], {"shape": [-2]}, "/shape", "a dim is at least 0, not -2"),
    Case(
        "full",
        [],
        {"dtype": "int8", "shape": [2], "value": 128},
        "/value",
        "value is 128; an integer from -128 to 127 is needed for int8",
    ),
    Case(
        "full",
        [],
        {"dtype": "bool", "shape": [], "value": 1},
        "/value",
        "value is 1; true or false is needed for bool",
    ),
    Case("full", [], {"dtype": "int8", "shape": [-2], "value": 1}, "/shape", "a dim is at least 0, not -2"),
    Case("iota", [], {"dtype": "bool", "shape": [2]}, "/dtype", "a bool cannot count; a number is needed"),
    Case(
        "iota",
        [],
        {"dtype": "int32", "shape": [2], "axis": 1},
        "/axis",
        "axis 1 is out of range for a result of rank 1",
    ),
    Case(
        "constant",
        [],
        {"dtype": "float32", "shape": [2, 2], "value": [1.0, 2.0]},
        "/value",
        "value has 2 elements; float32[2, 2] needs 4",
    ),
    Case(
        "constant",
        [],
        {"dtype": "float32", "shape": [2], "value": {"base64": "AAAA"}},
        "/value",
        "value has 3 bytes; float32[2] needs 8",
    ),
]
