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
    *(
        Case(
            op,
            ["float32[2, 3]"],
            {"output_size": []},
            "/output_size",
            "output_size has no entry; at least one is needed",
        )
        for op in ("adaptive_avg_pool", "adaptive_max_pool")
    ),
    Case(
        "adaptive_avg_pool",
        ["float32[3]"],
        {"output_size": [2, 2]},
        "/output_size",
        'output_size has 2 entries and "x0" float32[3] has 1 axes; at most as many entries are needed',
    ),
    Case(
        "adaptive_max_pool",
        ["float32[2, 0]"],
        {"output_size": [2]},
        "/inputs/0",
        '"x0" float32[2, 0] has no element along axis 1; at least one is needed',
    ),
    *(
        Case(
            op,
            ["float32[2, 3]"],
            {},
            "/inputs/0",
            '"x0" float32[2, 3] must have a batch axis, a channel axis, and at least one spatial axis',
        )
        for op in ("global_avg_pool", "global_max_pool")
    ),
    Case(
        "conv_transpose",
        ["float32[2, 3]", "float32[3, 4]"],
        {},
        "/inputs/0",
        '"x0" float32[2, 3] must have a batch axis, a channel axis, and one to three spatial axes',
    ),
    Case(
        "conv_transpose",
        ["float32[2, 3, 5]", "float32[3, 4]"],
        {},
        "/inputs/1",
        '"x1" float32[3, 4] is the weight of "x0" float32[2, 3, 5]; as many axes are needed there',
    ),
    Case(
        "conv_transpose",
        ["float32[2, 3, 5]", "float32[4, 3, 2]"],
        {},
        "/inputs/1",
        '"x0" float32[2, 3, 5] has 3 channels and "x1" float32[4, 3, 2] takes 4; they must be equal',
    ),
    Case(
        "conv_transpose",
        ["float32[2, 3, 5]", "float32[3, 4, 2]"],
        {"groups": 2},
        "/groups",
        'groups is 2, and the 3 channels of "x0" float32[2, 3, 5] do not fall into as many equal groups',
    ),
    Case(
        "conv_transpose",
        ["float32[2, 4, 5]", "float32[4, 3, 2]", "float32[3]"],
        {"groups": 2},
        "/inputs/2",
        '"x2" float32[3] is the bias; shape [6] is needed there',
    ),
    Case(
        "conv_transpose",
        ["float32[2, 3, 0]", "float32[3, 4, 2]"],
        {},
        "/inputs/0",
        '"x0" float32[2, 3, 0] has no element along axis 2; at least one is needed',
    ),
    Case(
        "conv_transpose",
        ["float32[2, 3, 5]", "float32[3, 4, 2]"],
        {"strides": [2], "output_padding": [2]},
        "/output_padding",
        "output_padding 2 of axis 2 is not less than its stride 2 or its dilation 1",
    ),
    Case(
        "conv_transpose",
        ["float32[2, 3, 5]", "float32[3, 4, 2]"],
        {"output_padding": [0, 0]},
        "/output_padding",
        "output_padding has 2 entries; 1 are needed, one for each axis of the window",
    ),
    Case(
        "conv_transpose",
        ["float32[2, 3, 2]", "float32[3, 4, 2]"],
        {"padding": [[2, 1]]},
        "/padding",
        "axis 2 of the result would have the size 0; padding [2, 1] is too large",
    ),
    Case(
        "interpolate", ["float32[2, 3]"], {}, "/size", "neither size nor scale_factor is given; one of them is needed"
    ),
    Case(
        "interpolate",
        ["float32[2, 3]"],
        {"size": [2], "scale_factor": [2.0]},
        "/size",
        "both size and scale_factor are given; one of them is needed",
    ),
    Case(
        "interpolate",
        ["float32[2, 3]"],
        {"size": [2], "align_corners": True},
        "/align_corners",
        'align_corners is true; mode "linear" is needed for that',
    ),
    Case("interpolate", ["float32[2, 3]"], {"size": []}, "/size", "size has no entry; at least one is needed"),
    Case(
        "interpolate",
        ["float32[3]"],
        {"scale_factor": [2.0, 2.0]},
        "/scale_factor",
        'scale_factor has 2 entries and "x0" float32[3] has 1 axes; at most as many entries are needed',
    ),
    Case(
        "interpolate",
        ["float32[2, 0]"],
        {"size": [2]},
        "/inputs/0",
        '"x0" float32[2, 0] has no element along axis 1; at least one is needed',
    ),
    Case("interpolate", ["float32[2, 3]"], {"size": [0]}, "/size", "size 0 of axis 1: at least 1 is needed"),
    Case(
        "interpolate",
        ["float32[2, 3]"],
        {"scale_factor": ["inf"]},
        "/scale_factor",
        "scale_factor inf of axis 1: a finite number above 0 is needed",
    ),
    Case(
        "interpolate",
        ["float32[2, 3]"],
        {"scale_factor": [0.25]},
        "/scale_factor",
        'scale_factor 0.25 leaves no element of axis 1 of "x0" float32[2, 3]; at least one is needed',
    ),
    Case(
        "interpolate",
        ["float32[2, n]"],
        {"scale_factor": [0.3]},
        "/scale_factor",
        "scale_factor 0.3 of axis 1, whose size is n: an integer, or a small one over a power of two, is needed there; "
        "or a size",
    ),
    Case(
        "interpolate",
        ["float32[2, 3]"],
        {"size": [2], "mode": "cubic"},
        "/mode",
        'mode is "cubic"; "nearest" or "linear" is needed',
    ),
]
