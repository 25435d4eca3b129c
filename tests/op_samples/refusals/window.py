"""Windows that the op's own rule refuses."""

from op_samples.refusals.case import Case

__all__ = ["CASES"]

_CONV = ["float32[2, 4, 5]", "float32[6, 4, 3]"]

CASES: list[Case] = [
    Case(
        "conv",
        ["float32[4, 5]", "float32[6, 4]"],
        {},
        "/inputs/0",
        '"x0" float32[4, 5] must have a batch axis, a channel axis, and one to three spatial axes',
    ),
    Case(
        "conv",
        ["float32[2, 4, 5, 5]", "float32[6, 4, 3]"],
        {},
        "/inputs/1",
        '"x1" float32[6, 4, 3] is the weight of "x0" float32[2, 4, 5, 5]; as many axes are needed there',
    ),
    Case(
        "conv",
        ["float32[2, 4, 5]", "float32[6, 3, 3]"],
        {},
        "/inputs/1",
        '"x0" float32[2, 4, 5] has 4 channels, and "x1" float32[6, 3, 3] takes 3 in each of 1 feature groups; they '
        "must be equal",
    ),
    Case(
        "conv",
        ["float32[2, 4, 5]", "float32[3, 2, 3]"],
        {"feature_groups": 2},
        "/inputs/1",
        '"x1" float32[3, 2, 3] makes 3 channels, which do not fall into 2 equal groups',
    ),
    Case(
        "conv",
        ["float32[n, 4, 5]", "float32[4, 4, 3]"],
        {"batch_groups": 2},
        "/inputs/0",
        '"x0" float32[n, 4, 5] has a batch of n, which does not fall into 2 groups',
    ),
    Case(
        "conv",
        _CONV,
        {"feature_groups": 2, "batch_groups": 2},
        "/batch_groups",
        "feature_groups is 2 and batch_groups is 2; one of them must be 1",
    ),
    Case("conv", _CONV, {"batch_groups": 0}, "/batch_groups", "batch_groups is 0; at least 1 is needed"),
    Case(
        "conv",
        ["float32[2, 4, 5]", "float32[6, 4, 0]"],
        {},
        "/inputs/1",
        '"x1" float32[6, 4, 0] has no element along axis 2; at least one is needed',
    ),
    *(
        Case(
            "conv",
            _CONV,
            {name: [1, 1]},
            f"/{name}",
            f"{name} has 2 entries; 1 are needed, one for each axis of the window",
        )
        for name in ("strides", "lhs_dilation", "rhs_dilation")
    ),
    *(
        Case(
            op,
            types,
            {**more, "padding": [[1, 1], [0, 0]]},
            "/padding",
            "padding has 2 entries; 1 are needed, one for each axis of the window",
        )
        for op, types, more in (
            ("conv", _CONV, {}),
            ("window_sum", ["float32[2, 5]"], {"kernel_size": [2]}),
            ("max_pool", ["float32[2, 5]"], {"kernel_size": [2]}),
            ("avg_pool", ["float32[2, 5]"], {"kernel_size": [2]}),
        )
    ),
    Case("conv", _CONV, {"strides": [0]}, "/strides/0", "strides entry 0 is 0; at least 1 is needed"),
    Case(
        "conv",
        ["float32[2, 4, 5]", "float32[6, 4, 3]"],
        {"rhs_dilation": [3], "padding": [[0, 1]]},
        "/inputs/0",
        'axis 2 of "x0" float32[2, 4, 5] has 6 elements with padding [0, 1], and the window reaches over 7; at least '
        "as many are needed",
    ),
    *(
        Case(
            op,
            ["float32[n, 2]"],
            {"kernel_size": [1, 3]},
            "/inputs/0",
            'axis 1 of "x0" float32[n, 2] has 2 elements with padding [0, 0], and the window reaches over 3; at least '
            "as many are needed",
        )
        for op in ("window_sum", "max_pool", "avg_pool")
    ),
    *(
        Case(
            op,
            ["float32[3]"],
            {"kernel_size": [2, 2]},
            "/kernel_size",
            'kernel_size has 2 entries and "x0" float32[3] has 1 axes; at most as many entries are needed',
        )
        for op in ("window_sum", "max_pool", "avg_pool")
    ),
    Case(
        "max_pool",
        ["float32[3]"],
        {"kernel_size": []},
        "/kernel_size",
        "kernel_size has no entry; at least one is needed",
    ),
    *(
        Case(
            op,
            ["float32[n]"],
            {"kernel_size": [2], "padding": [[2, 0]], **more},
            "/padding",
            'padding [2, 0] of axis 0 of "x0" float32[n] holds a whole window of 2; less than that is needed',
        )
        for op, more in (("max_pool", {}), ("avg_pool", {"count_include_pad": False}))
    ),
    Case(
        "max_pool",
        ["float32[3]"],
        {"kernel_size": [2], "strides": [3], "padding": [[0, 2]]},
        "/padding",
        'padding [0, 2] of axis 0 of "x0" float32[3] holds the whole of the last window; less of it is needed',
    ),
    Case(
        "max_pool",
        ["float32[1]"],
        {"kernel_size": [2], "dilation": [2], "padding": [[1, 1]]},
        "/dilation",
        'dilation 2 steps over all of axis 0 of "x0" float32[1]',
    ),
]
