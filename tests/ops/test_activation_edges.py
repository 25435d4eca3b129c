"""Derivatives of activations far out, where nothing overflows to NaN, at both orders and in narrow dtypes."""

import math
from typing import Any

import numpy as np
import pytest

from asg_schema.composites.elementwise import Gelu, LeakyRelu, Relu, Softplus
from asg_schema.composites.elementwise_activations import (
    Celu,
    Elu,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LogSigmoid,
    Mish,
    Prelu,
    Relu6,
    Selu,
    Softshrink,
    Softsign,
    Tanhshrink,
)
from asg_schema.op import Op
from op_samples.derivatives import gradients
from op_samples.edges_of_activations import SELU_SCALE
from op_samples.sample import floats

INF = math.inf

LIMITS: list[tuple[type[Op], float, float]] = [  # the derivatives far to the left and far to the right
    (Elu, 0.0, 1.0),
    (Selu, 0.0, SELU_SCALE),
    (Celu, 0.0, 1.0),
    (Hardtanh, 0.0, 0.0),
    (Relu6, 0.0, 0.0),
    (Hardsigmoid, 0.0, 0.0),
    (Hardswish, 0.0, 1.0),
    (Mish, 0.0, 1.0),
    (Softsign, 0.0, 0.0),
    (LogSigmoid, 1.0, 0.0),
    (Tanhshrink, 1.0, 1.0),
    (Softshrink, 1.0, 1.0),
    (Hardshrink, 1.0, 1.0),
    (Relu, 0.0, 1.0),
    (LeakyRelu, 0.01, 1.0),
    (Softplus, 0.0, 1.0),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize(("op", "left", "right"), LIMITS, ids=lambda value: getattr(value, "name", ""))
def test_far_out(op: type[Op], left: float, right: float, dtype: Any) -> None:
    x = np.array([-1e4, 1e4, -INF, INF], dtype)
    (first,) = gradients(op, [x], {})
    assert first.dtype == dtype
    np.testing.assert_allclose(first, np.array([left, right, left, right], dtype), atol=2e-8)
    (second,) = gradients(op, [x], {}, order=2)
    np.testing.assert_allclose(second, np.zeros(4), atol=1e-10)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_far_out(approximate: str) -> None:
    (first,) = gradients(Gelu, [floats(-1e4, 1e4, -1e200, 1e200)], {"approximate": approximate})
    np.testing.assert_array_equal(first, [0.0, 1.0, 0.0, 1.0])


def test_prelu_sums_half_precision_in_single_precision() -> None:
    # In float16 the total of as many ones would stop at 2048.
    x = np.full(4096, -1.0, np.float16)
    _, by_weight = gradients(Prelu, [x, np.array(0.5, np.float16)], {})
    assert by_weight == np.float16(-4096.0)
