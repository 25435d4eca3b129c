"""Factorisations and linear equations that the op's own rule refuses."""

from op_samples.refusals.case import Case

__all__ = ["CASES"]

CASES: list[Case] = [
    *(
        Case(op, ["float32[3]"], {}, "/inputs/0", '"x0" float32[3] has rank 1; at least two axes are needed')
        for op in ("cholesky", "qr", "eigh", "svd", "lu", "inv", "det", "slogdet")
    ),
    *(
        Case(
            op,
            ["float32[2, n, m]"],
            {},
            "/inputs/0",
            'the last two axes of "x0" float32[2, n, m] are n and m; they must be equal',
        )
        for op in ("cholesky", "eigh", "inv", "det", "slogdet")
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
        for op in ("qr", "svd", "lu")
    ),
    *(
        Case(
            op,
            ["float32[2, 3]", "float32[2, 3]"],
            {},
            "/inputs/0",
            'the last two axes of "x0" float32[2, 3] are 2 and 3; they must be equal',
        )
        for op in ("triangular_solve", "solve")
    ),
    Case(
        "triangular_solve",
        ["float32[2, 2]", "float32[2]"],
        {},
        "/inputs/1",
        '"x1" float32[2] has rank 1; at least two axes are needed',
    ),
    Case(
        "triangular_solve",
        ["float32[n, n]", "float32[3, 2]"],
        {},
        "/inputs/1",
        'the last but one axis of "x1" float32[3, 2] is 3; n, as in "x0" float32[n, n], is needed there',
    ),
    Case(
        "triangular_solve",
        ["float32[2, 2]", "float32[2, 3]"],
        {"left": False},
        "/inputs/1",
        'the last axis of "x1" float32[2, 3] is 3; 2, as in "x0" float32[2, 2], is needed there',
    ),
    Case(
        "triangular_solve",
        ["float32[2, 3, 3]", "float32[4, 3, 1]"],
        {},
        "/inputs/1",
        '"x1" float32[4, 3, 1] does not broadcast with "x0" float32[2, 3, 3]: last axis 4 against 2; 2 or 1 is needed '
        "there",
    ),
    Case(
        "solve",
        ["float32[2, 2]", "float32[]"],
        {},
        "/inputs/1",
        '"x1" float32[] has rank 0; a vector or matrices are needed',
    ),
    Case(
        "solve",
        ["float32[2, 2]", "float32[3, 2]"],
        {},
        "/inputs/1",
        '"x1" float32[3, 2] has 3 rows; as many as the matrices of "x0" float32[2, 2], 2, are needed',
    ),
]
