"""Initial values: their distributions, measured; their streams, reproducible and independent."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats  # pyright: ignore[reportMissingTypeStubs] - it has no types

from asg_executor.sessions.errors import InitializationError
from asg_executor.sessions.initialization import initial_value
from asg_executor.sessions.random_stream import RandomStream
from asg_schema.document import Parameter

Array = npt.NDArray[Any]

SHAPE = (400, 100, 5)  # fan_in 500, fan_out 2000


def declare(init: dict[str, Any], shape: tuple[int, ...] = SHAPE, dtype: str = "float64", id: str = "w") -> Parameter:
    return Parameter.model_validate({"id": id, "dtype": dtype, "shape": shape, "init": init})


def draw(init: dict[str, Any], shape: tuple[int, ...] = SHAPE, seed: int = 3) -> Array:
    return initial_value(declare(init, shape), seed)


def p_value(sample: Array, distribution: Any) -> float:
    """The Kolmogorov-Smirnov test. The streams are fixed, so the same sample is judged at every run."""
    return float(stats.kstest(sample.reshape(-1), distribution.cdf).pvalue)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def uniform(low: float, high: float) -> Any:
    return stats.uniform(low, high - low)


KAIMING = [
    ("leaky_relu", 0.0, math.sqrt(2)),
    ("leaky_relu", 0.5, math.sqrt(2 / 1.25)),
    ("relu", 0.0, math.sqrt(2)),
    ("tanh", 0.0, 5 / 3),
    ("linear", 0.0, 1.0),
    ("sigmoid", 0.0, 1.0),
    ("selu", 0.0, 0.75),
]
DISTRIBUTIONS: list[tuple[dict[str, Any], Any]] = [
    ({"kind": "uniform", "low": -3.0, "high": 5.0}, uniform(-3, 5)),
    ({"kind": "uniform"}, uniform(0, 1)),
    ({"kind": "normal", "mean": 2.0, "std": 0.1}, stats.norm(2, 0.1)),
    ({"kind": "truncated_normal"}, stats.truncnorm(-2, 2)),
    (
        {"kind": "truncated_normal", "mean": 1.0, "std": 2.0, "low": 0.0, "high": 1.5},
        stats.truncnorm(-0.5, 0.25, loc=1, scale=2),
    ),
    (
        {"kind": "truncated_normal", "mean": 0.0, "std": 1.0, "low": 9.0, "high": "inf"},
        stats.truncnorm(9, math.inf),
    ),
    ({"kind": "xavier_uniform", "gain": 2.0}, uniform(-2 * math.sqrt(6 / 2500), 2 * math.sqrt(6 / 2500))),
    ({"kind": "xavier_normal"}, stats.norm(0, math.sqrt(2 / 2500))),
    *(
        (
            {"kind": "kaiming_uniform", "a": a, "nonlinearity": name},
            uniform(-gain * math.sqrt(3 / 500), gain * math.sqrt(3 / 500)),
        )
        for name, a, gain in KAIMING
    ),
    *(
        ({"kind": "kaiming_normal", "a": a, "nonlinearity": name, "mode": "fan_out"}, stats.norm(0, gain / 2000**0.5))
        for name, a, gain in KAIMING
    ),
]


@pytest.mark.parametrize(("init", "distribution"), DISTRIBUTIONS, ids=lambda value: str(value)[:60])
def test_values_have_the_distribution(init: dict[str, Any], distribution: Any) -> None:
    values = draw(init)
    assert values.shape == SHAPE
    assert p_value(values, distribution) > 1e-3
    # The test would notice a scale that is wrong by three percent.
    assert p_value(values * 1.03, distribution) < 1e-3


@pytest.mark.parametrize(
    ("init", "value"), [({"kind": "zeros"}, 0.0), ({"kind": "ones"}, 1.0), ({"kind": "constant", "value": -2.5}, -2.5)]
)
def test_fixed_values(init: dict[str, Any], value: float) -> None:
    np.testing.assert_array_equal(draw(init, (2, 3)), np.full((2, 3), value))


def test_a_row_of_zeros_leaves_the_others_as_they_are() -> None:
    whole, padded = draw({"kind": "normal"}, (4, 3)), draw({"kind": "normal", "zero_row": 2}, (4, 3))
    np.testing.assert_array_equal(padded[2], 0.0)
    np.testing.assert_array_equal(padded[[0, 1, 3]], whole[[0, 1, 3]])


@pytest.mark.parametrize("shape", [(5, 5), (7, 4), (4, 7), (3, 2, 2), (1, 6)])
def test_orthogonal_rows_or_columns_are_orthonormal(shape: tuple[int, ...]) -> None:
    matrix = draw({"kind": "orthogonal", "gain": 3.0}, shape).reshape(shape[0], -1) / 3.0
    gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(gram, np.eye(min(matrix.shape)), atol=1e-12)


def test_orthogonal_is_uniform_over_signs() -> None:
    # Without the correction by R's diagonal the first entry of Q would always be negative.
    signs = [float(np.sign(draw({"kind": "orthogonal"}, (2, 2), seed)[0, 0])) for seed in range(200)]
    assert abs(sum(signs)) < 50


@pytest.mark.parametrize("kind", ["uniform", "normal", "xavier_uniform", "kaiming_normal", "orthogonal", "zeros"])
def test_parameters_without_elements(kind: str) -> None:
    assert draw({"kind": kind}, (0, 3)).shape == (0, 3)


def test_the_same_seed_and_name_give_the_same_values_and_others_give_others() -> None:
    init = {"kind": "normal"}
    first = initial_value(declare(init, id="a"), 1)
    np.testing.assert_array_equal(first, initial_value(declare(init, id="a"), 1))
    for other in (initial_value(declare(init, id="b"), 1), initial_value(declare(init, id="a"), 2)):
        assert abs(float(np.corrcoef(first.reshape(-1), other.reshape(-1))[0, 1])) < 0.02


def test_a_narrow_dtype_rounds_the_same_draws() -> None:
    wide = initial_value(declare({"kind": "normal"}, (64,)), 5)
    narrow = initial_value(declare({"kind": "normal"}, (64,), "bfloat16"), 5)
    np.testing.assert_array_equal(narrow, wide.astype(narrow.dtype))


def test_the_stream_is_pinned() -> None:
    # These numbers are the promise that a seed means the same weights in every release. They follow from the
    # documented recipe: Philox-4x64-10, keyed by SHA-256, its first word shifted and scaled.
    uniforms = RandomStream(0, "weight").uniform(3)
    np.testing.assert_array_equal(uniforms, [0.008090806822878327, 0.6577781285067326, 0.6808000067966568])
    assert ((uniforms >= 0) & (uniforms < 1)).all()


@pytest.mark.parametrize(
    "init",
    [
        {"kind": "normal", "std": -1.0},
        {"kind": "normal", "mean": "inf"},
        {"kind": "uniform", "low": 1.0, "high": 0.0},
        {"kind": "uniform", "low": "-inf"},
        {"kind": "truncated_normal", "low": 1.0, "high": 1.0},
        {"kind": "truncated_normal", "std": 0.0, "low": 1.0},
        {"kind": "truncated_normal", "low": 60.0, "high": 61.0},
        {"kind": "truncated_normal", "std": "nan"},
    ],
    ids=str,
)
def test_numbers_that_describe_no_distribution_are_refused(init: dict[str, Any]) -> None:
    with pytest.raises(InitializationError, match=f'^parameter "w": {init["kind"]}: '):
        draw(init)


@pytest.mark.parametrize(("dtype", "value"), [("int32", 1.5), ("uint8", -1.0), ("uint8", 256.0), ("int32", "inf")])
def test_a_constant_that_an_integer_dtype_cannot_hold_is_refused(dtype: str, value: Any) -> None:
    parameter = Parameter.model_validate(
        {"id": "n", "dtype": dtype, "shape": [2], "init": {"kind": "constant", "value": value}, "trainable": False}
    )
    with pytest.raises(InitializationError, match=f'^parameter "n": constant: .*{dtype}'):
        initial_value(parameter, 0)


def test_a_constant_of_an_integer_dtype() -> None:
    parameter = Parameter.model_validate(
        {"id": "n", "dtype": "int32", "shape": [2], "init": {"kind": "constant", "value": 3.0}, "trainable": False}
    )
    value = initial_value(parameter, 0)
    assert value.dtype == np.int32
    np.testing.assert_array_equal(value, [3, 3])
