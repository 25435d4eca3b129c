"""Special functions against SciPy in double precision."""

from importlib import import_module
from typing import Any

import numpy as np

from asg_executor.kernels.kernel import Step
from asg_executor.kernels.table import KERNELS
from asg_executor.kernels.workspace import Workspace
from asg_schema.ops.elementwise_functions import Erf, Polygamma, Sigmoid

special: Any = import_module("scipy.special")
EPS = 2.0**-23


def run_step(step: Step) -> None:
    with np.errstate(all="ignore"):
        step()


def single(op: Erf | Sigmoid, x: np.ndarray) -> np.ndarray:
    result = np.empty_like(x)
    run_step(KERNELS[type(op)](op, [x], [result], Workspace()))
    return result


def test_erf_in_single_precision_errs_by_less_than_three_eps_relative() -> None:
    line = np.linspace(-6, 6, 2_000_001)
    tiny = np.geomspace(1e-37, 1e30, 200_001)
    x = np.concatenate([line, tiny, -tiny]).astype(np.float32)
    x = x[x != 0]
    exact = special.erf(x.astype(np.float64))
    error = np.abs(single(Erf(id="y", inputs=("x",)), x).astype(np.float64) / exact - 1)
    assert error.max() < 3 * EPS


def test_erf_at_the_ends_and_at_zero() -> None:
    x = np.tile(np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 3e38, -3e38], np.float32), 100)
    result = single(Erf(id="y", inputs=("x",)), x)
    np.testing.assert_array_equal(result[:7], [1, -1, np.nan, 0, 0, 1, -1])
    assert np.signbit(result[:7]).tolist() == [False, True, np.signbit(result[2]), False, True, False, True]


def test_sigmoid_keeps_its_digits_far_below_zero() -> None:
    x = np.linspace(-87, 87, 100_001).astype(np.float32)
    exact = special.expit(x.astype(np.float64))
    error = np.abs(single(Sigmoid(id="y", inputs=("x",)), x).astype(np.float64) / exact - 1)
    assert error.max() < 4 * EPS


def test_polygamma_of_any_order() -> None:
    x = np.linspace(0.1, 20, 50)
    for order in (0, 1, 2, 3, 7):
        result = np.empty_like(x)
        run_step(KERNELS[Polygamma](Polygamma(id="y", inputs=("x",), n=order), [x], [result], Workspace()))
        np.testing.assert_allclose(result, special.polygamma(order, x), rtol=1e-12)
