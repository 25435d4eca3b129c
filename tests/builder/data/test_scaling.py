"""Scalers against scikit-learn's."""

from typing import Any

import numpy as np
import pytest
import sklearn.preprocessing as reference  # pyright: ignore[reportMissingTypeStubs] - scikit-learn ships none
from scipy.sparse import csr_matrix  # pyright: ignore[reportMissingTypeStubs] - SciPy ships none

from asg_builder.data import MinMaxScaler, StandardScaler
from asg_schema.errors import AsgError

sklearn: Any = reference
RNG = np.random.default_rng(0)
TABLE = RNG.standard_normal((50, 4)) * [1, 1e-3, 1e5, 3] + [0, 5, -1e6, 2]
CONSTANT = np.concatenate([TABLE, np.full((50, 1), 7.0)], axis=1)
PAIRS = [
    (StandardScaler(), sklearn.StandardScaler()),
    (StandardScaler(with_mean=False), sklearn.StandardScaler(with_mean=False)),
    (StandardScaler(with_std=False), sklearn.StandardScaler(with_std=False)),
    (MinMaxScaler(), sklearn.MinMaxScaler()),
    (MinMaxScaler((-1, 3)), sklearn.MinMaxScaler((-1, 3))),
    (MinMaxScaler(clip=True), sklearn.MinMaxScaler(clip=True)),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("table", [TABLE, CONSTANT, TABLE[:1], (TABLE * 10).astype(np.int64)])
def test_it_is_scikit_learns(ours: Any, theirs: Any, table: Any) -> None:
    other = table[::-1] * 2
    np.testing.assert_allclose(ours.fit_transform(table), theirs.fit_transform(table), atol=1e-9)
    np.testing.assert_allclose(ours.transform(other), theirs.transform(other), rtol=1e-8, atol=1e-9)
    assert ours.transform(other).dtype == theirs.transform(other).dtype
    assert ours.n_features_in_ == theirs.n_features_in_
    scaled = theirs.transform(table)
    back = ours.inverse_transform(scaled)
    np.testing.assert_allclose(back, theirs.inverse_transform(scaled), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_single_precision_is_computed_in_double_precision(ours: Any, theirs: Any) -> None:
    table = TABLE.astype(np.float32)
    scaled, expected = ours.fit_transform(table), theirs.fit_transform(table.astype(np.float64))
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, expected, rtol=1e-7, atol=1e-12)
    back = ours.inverse_transform(scaled)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, theirs.inverse_transform(scaled.astype(np.float64)), rtol=1e-7)


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), MinMaxScaler((-2, 5))])
def test_the_inverse_restores_the_table(scaler: Any) -> None:
    np.testing.assert_allclose(scaler.inverse_transform(scaler.fit_transform(CONSTANT)), CONSTANT, rtol=1e-12)


def test_a_feature_that_is_constant_up_to_the_rounding_of_its_mean() -> None:
    # The mean of these differs from 0.1 in the last digit, so that their computed variance is not 0.
    table = np.full((3, 1), 0.1)
    assert table.var() > 0
    np.testing.assert_array_equal(StandardScaler().fit_transform(table), np.zeros((3, 1)))


@pytest.mark.parametrize("kind", [StandardScaler, MinMaxScaler])
@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([1.0, 2.0], "the data has the shape [2]; a table [rows, features] is needed; reshape(-1, 1) makes one of a"),
        (np.zeros((2, 2, 2)), "the data has the shape [2, 2, 2]; a table [rows, features] is needed"),
        (np.zeros((0, 2)), "the data has no row; at least one is needed"),
        ([["a"]], "the data is an array of <U1; numbers are needed"),
        (csr_matrix(np.eye(2)), "the data is a csr_matrix; an array, or what NumPy makes one of, is needed"),
        ([[1.0], [1.0, 2.0]], "the data is not an array: setting an array element with a sequence"),
        ([[0.0, 1.0], [2.0, float("nan")]], "row 1 has nan as feature 1; a finite number is needed"),
        ([[float("inf")]], "row 0 has inf as feature 0; a finite number is needed"),
    ],
)
def test_refusals(kind: Any, table: Any, message: str) -> None:
    with pytest.raises(AsgError) as caught:
        kind().fit(table)
    assert str(caught.value).startswith(f"{kind.__name__}: {message}")


@pytest.mark.parametrize("kind", [StandardScaler, MinMaxScaler])
def test_order_of_calls_and_features(kind: Any) -> None:
    with pytest.raises(AsgError, match="call fit first; it has not learnt anything yet"):
        kind().transform(TABLE)
    with pytest.raises(AsgError, match="the data has 3 features, and the scaler was fitted to 4"):
        kind().fit(TABLE).inverse_transform(TABLE[:, :3])


def test_a_range_that_is_none() -> None:
    with pytest.raises(AsgError, match=r"feature_range is \(1, 1\); its lower end comes first"):
        MinMaxScaler((1, 1))
