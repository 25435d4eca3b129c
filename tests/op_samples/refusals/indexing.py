"""Gathers, scatters, rows of tables and diagonals that the op's own rule refuses."""

from op_samples.refusals.case import Case

__all__ = ["CASES"]

_BY_TUPLES: list[tuple[list[str], dict[str, int], str, str]] = [
    (
        ["float32[3]", "int64[]", "float32[]"],
        {},
        "/inputs/1",
        '"x1" int64[] has rank 0; its last axis, the index tuples, is missing',
    ),
    (
        ["float32[2, 3]", "int64[2, 1]", "float32[2]"],
        {"batch_dims": 2},
        "/batch_dims",
        'batch_dims is 2; "x0" float32[2, 3] and "x1" int64[2, 1] without its last axis have 1 leading axes in common',
    ),
    (
        ["float32[n, 3]", "int64[2, 1]", "float32[2]"],
        {"batch_dims": 1},
        "/inputs/1",
        'axis 0 of "x1" int64[2, 1] is 2 and that of "x0" float32[n, 3] is n; axes before batch_dims 1 must be equal',
    ),
    (
        ["float32[2, 3]", "int64[2, k]", "float32[2]"],
        {},
        "/inputs/1",
        'the last axis of "x1" int64[2, k] is k; the size of an index tuple must be a number',
    ),
    (
        ["float32[2, 3]", "int32[2, 2]", "float32[2]"],
        {"batch_dims": 1},
        "/inputs/1",
        'the last axis of "x1" int32[2, 2] is 2; "x0" float32[2, 3] has 1 axes behind batch_dims 1, and an index tuple '
        "at most as many indices",
    ),
]

CASES: list[Case] = [
    *(
        Case(op, types[:2] if op == "gather_nd" else types, dict(attributes), pointer, message)
        for op in ("gather_nd", "scatter_nd_add", "scatter_nd_set")
        for types, attributes, pointer, message in _BY_TUPLES
    ),
    *(
        Case(
            op,
            ["float32[2, 3]", "int64[n, 1]", "float32[n, 2]"],
            {},
            "/inputs/2",
            '"x2" float32[n, 2] is the source for "x0" float32[2, 3] and "x1" int64[n, 1]; float32[n, 3] is needed '
            "there",
        )
        for op in ("scatter_nd_add", "scatter_nd_set")
    ),
    Case(
        "one_hot",
        ["int32[n]"],
        {"num_classes": 2**31},
        "/inputs/0",
        '"x0" int32[n] cannot tell 2147483648 classes apart; int64 is needed there',
    ),
    Case(
        "embedding",
        ["int64[2]", "float32[3]"],
        {},
        "/inputs/1",
        '"x1" float32[3] is the table; shape [rows, features] is needed there',
    ),
    Case(
        "embedding",
        ["int32[2]", "float32[2147483648, 3]"],
        {},
        "/inputs/0",
        '"x0" int32[2] cannot tell 2147483648 rows apart; int64 is needed there',
    ),
    Case(
        "embedding",
        ["int64[2]", "float32[3, 4]"],
        {"padding_idx": 3},
        "/padding_idx",
        'padding_idx is 3, and "x1" float32[3, 4] has 3 rows; an index from -3 to 2 is needed',
    ),
    Case(
        "embedding",
        ["int32[2]", "float32[n, 4]"],
        {"padding_idx": 2**31},
        "/padding_idx",
        'padding_idx is 2147483648, which "x0" int32[2] cannot hold',
    ),
    *(
        Case(op, ["float32[3]"], {}, "/inputs/0", '"x0" float32[3] has rank 1; at least two axes are needed')
        for op in ("diagonal", "tril", "triu")
    ),
    Case("diag", ["float32[]"], {}, "/inputs/0", '"x0" float32[] has rank 0; a vector or a matrix is needed'),
    Case(
        "diag",
        ["float32[2, 2, 2]"],
        {},
        "/inputs/0",
        '"x0" float32[2, 2, 2] has rank 3; a vector or a matrix is needed',
    ),
    *(
        Case(
            op,
            ["float32[n, m]"],
            {},
            "/inputs/0",
            'the diagonal of "x0" float32[n, m] is as long as the smaller of n and m, which is not known; sizes that '
            "differ by a number are needed",
        )
        for op in ("diag", "diagonal")
    ),
]
