"""Activations as modules beside PyTorch's of the same name and arguments."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import asg_builder as asg
import asg_executor
from asg_builder import nn as asg_nn
from parity.derivatives import fixed_arrays
from parity.layer_comparison import compare_layers, randomize

CASES: list[tuple[str, dict[str, Any]]] = [
    ("CELU", {}),
    ("CELU", {"alpha": 0.7}),
    ("ELU", {}),
    ("ELU", {"alpha": 0.7}),
    ("GELU", {}),
    ("GELU", {"approximate": "tanh"}),
    ("Hardshrink", {}),
    ("Hardshrink", {"lambd": 0.8}),
    ("Hardsigmoid", {}),
    ("Hardswish", {}),
    ("Hardtanh", {}),
    ("Hardtanh", {"min_val": -0.5, "max_val": 2.0}),
    ("Identity", {}),
    ("LeakyReLU", {}),
    ("LeakyReLU", {"negative_slope": 0.2}),
    ("LogSigmoid", {}),
    ("Mish", {}),
    ("ReLU", {}),
    ("ReLU6", {}),
    ("SELU", {}),
    ("SiLU", {}),
    ("Sigmoid", {}),
    ("Softplus", {}),
    ("Softplus", {"beta": 2.0, "threshold": 3.0}),
    ("Softshrink", {}),
    ("Softshrink", {"lambd": 0.8}),
    ("Softsign", {}),
    ("Tanh", {}),
    ("Tanhshrink", {}),
]


ROUNDED = [("CELU", {"alpha": 0.7}), ("Hardsigmoid", {})]
"""PyTorch's gradient multiplies by 1 / alpha and by 1 / 6 in float32."""


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_activation(name: str, options: dict[str, Any]) -> None:
    (x,) = fixed_arrays([(4, 6, 5)], 1)
    tolerance = 2e-7 if (name, options) in ROUNDED else 1e-11
    compare_layers(
        getattr(asg_nn, name)(**options, name=""), getattr(nn, name)(**options), [x * 5], tolerance=tolerance
    )


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("name", ["GLU", "LogSoftmax", "Softmax"])
def test_activation_along_an_axis(name: str, axis: int) -> None:
    (x,) = fixed_arrays([(4, 6, 8)], 1)
    layer, module = getattr(asg_nn, name)(axis, name=""), getattr(nn, name)(axis)
    compare_layers(layer, module, [x * 3], shapes=[(4, 6, 8)])


def test_the_default_axis_is_the_last() -> None:
    # PyTorch's GLU has the same; its softmax has none.
    compare_layers(asg_nn.GLU(name=""), nn.GLU(), fixed_arrays([(4, 6)], 1))
    compare_layers(asg_nn.Softmax(name=""), nn.Softmax(-1), fixed_arrays([(4, 6)], 1))


@pytest.mark.parametrize(("slopes", "shape"), [(1, (4, 6)), (1, (5,)), (6, (4, 6)), (6, (4, 6, 3, 2))])
def test_prelu(slopes: int, shape: tuple[int, ...]) -> None:
    module = randomize(nn.PReLU(slopes, dtype=torch.float64))
    compare_layers(asg_nn.PReLU(slopes, dtype="float64", name=""), module, fixed_arrays([shape], 1))


def test_the_first_slope_of_prelu() -> None:
    with asg.graph() as g:
        g.output(y=asg_nn.PReLU(3, name="")(asg.input("x", (2, 3))))
    found = asg_executor.Session({"predict": g.document()}).parameters()["weight"]
    np.testing.assert_array_equal(found, nn.PReLU(3).weight.detach().numpy())
