"""Nodes of composite ops that the op's own rule refuses."""

from op_samples.refusals.case import Case

__all__ = ["CASES"]

CASES: list[Case] = [
    Case(
        "var",
        ["float16[2]"],
        {"correction": 1e39},
        "/correction",
        'correction is 1e+39, which overflows the dtype of "x0" float16[2]',
    ),
    Case(
        "layer_norm",
        ["float16[2]"],
        {"normalized_shape": [2], "eps": 1e39},
        "/eps",
        'eps is 1e+39, which overflows the dtype of "x0" float16[2]',
    ),
    Case(
        "attention",
        ["float16[2, 3]"] * 3,
        {"scale": 1e5},
        "/scale",
        'scale is 100000.0, which overflows the dtype of "x0" float16[2, 3]',
    ),
    Case("var", ["float32[2]"], {"correction": "inf"}, "/correction", "correction is inf; a finite number is needed"),
    Case(
        "linear",
        ["float32[2, 3]", "float32[3, 4]"],
        {},
        "/inputs/1",
        'the last axis of "x0" float32[2, 3] is 3 and that of "x1" float32[3, 4] is 4; they must be equal',
    ),
    Case(
        "linear",
        ["float32[2, 3]", "float32[4, 3]", "float32[3]"],
        {},
        "/inputs/2",
        '"x2" float32[3] is the bias; shape [4] is needed there',
    ),
    Case(
        "attention",
        ["float32[2, 3]", "float32[4, 5]", "float32[4, 6]"],
        {},
        "/inputs/1",
        'the last axis of "x0" float32[2, 3] is 3 and the last axis of "x1" float32[4, 5] is 5; they must be equal',
    ),
    Case(
        "attention",
        ["float32[2, 3]", "float32[4, 3]", "float32[5, 6]"],
        {},
        "/inputs/2",
        'the last but one axis of "x1" float32[4, 3] is 4 and that of "x2" float32[5, 6] is 5; they must be equal',
    ),
    Case(
        "attention",
        ["float32[2, 3]", "float32[4, 3]", "float32[4, 6]", "int32[2, 4]"],
        {},
        "/inputs/3",
        '"x3" int32[2, 4] is the mask; bool or float32 is needed there',
    ),
    Case(
        "attention",
        ["float32[2, 3]", "float32[4, 3]", "float32[4, 6]", "bool[7, 2, 4]"],
        {},
        "/inputs/3",
        '"x3" bool[7, 2, 4] is the mask; a shape that broadcasts to [2, 4] is needed there',
    ),
    Case(
        "layer_norm",
        ["float32[2, 3]"],
        {"normalized_shape": [2]},
        "/normalized_shape",
        'normalized_shape [2] is not the end of the shape of "x0" float32[2, 3]',
    ),
    Case(
        "layer_norm",
        ["float32[2, 3]", "float32[2]"],
        {"normalized_shape": [3]},
        "/inputs/1",
        '"x1" float32[2] is the weight; shape [3] is needed there',
    ),
    Case(
        "layer_norm",
        ["float32[2, 3]"],
        {"normalized_shape": [3], "eps": -1.0},
        "/eps",
        "eps is -1.0; a finite number of at least 0 is needed",
    ),
    Case("clip", ["float32[2]"], {}, "/min", "neither min nor max is given; at least one is needed"),
    Case(
        "clip",
        ["int8[2]"],
        {"max": 200.0},
        "/max",
        'max is 200.0; for "x0" int8[2] an integer from -128 to 127 is needed',
    ),
    Case(
        "clip", ["float16[2]"], {"min": -1e6}, "/min", 'min is -1000000.0, which overflows the dtype of "x0" float16[2]'
    ),
    Case(
        "leaky_relu",
        ["float16[2]"],
        {"negative_slope": 1e6},
        "/negative_slope",
        'negative_slope is 1000000.0, which overflows the dtype of "x0" float16[2]',
    ),
    Case(
        "softplus",
        ["float32[2]"],
        {"beta": 1e40},
        "/beta",
        'beta is 1e+40, which overflows the dtype of "x0" float32[2]',
    ),
    Case(
        "leaky_relu",
        ["float32[2]"],
        {"negative_slope": "nan"},
        "/negative_slope",
        "negative_slope is nan; a finite number is needed",
    ),
    Case(
        "gelu",
        ["float32[2]"],
        {"approximate": "erf"},
        "/approximate",
        'approximate is "erf"; "none" or "tanh" is needed',
    ),
    Case("softplus", ["float32[2]"], {"beta": 0.0}, "/beta", "beta is 0.0; a finite number other than 0 is needed"),
    Case(
        "dropout",
        ["float32[2]", "uint32[2]"],
        {"p": 1.5},
        "/p",
        "p is 1.5; a probability from 0 to 1 is needed",
    ),
    Case(
        "dropout",
        ["float32[2]", "uint32[4]"],
        {},
        "/inputs/1",
        '"x1" uint32[4] is a random key; uint32[2] is needed there',
    ),
]
