"""The one-hot encoder against scikit-learn's."""

from typing import Any

import numpy as np
import pytest
import sklearn.preprocessing as reference  # pyright: ignore[reportMissingTypeStubs] - scikit-learn ships none
from scipy.sparse import csr_matrix  # pyright: ignore[reportMissingTypeStubs] - SciPy ships none

from asg_builder.data import OneHotEncoder
from asg_schema.errors import AsgError

sklearn: Any = reference
TABLES: list[Any] = [
    np.array([[3, 1], [0, 1], [3, 7]]),
    np.array([["b"], ["a"], ["b"]]),
    [["b", 2], ["a", 10], ["b", 2]],
    np.array([[True], [False]]),
    np.array([[0.5], [-1.0]], np.float32),
    np.array([[2], [2]], np.uint8),
]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("handle_unknown", ["error", "ignore"])
def test_it_is_scikit_learns(table: Any, handle_unknown: Any) -> None:
    ours = OneHotEncoder(handle_unknown=handle_unknown)
    theirs = sklearn.OneHotEncoder(handle_unknown=handle_unknown, sparse_output=False, dtype=np.float32)
    encoded = ours.fit_transform(table)
    expected = theirs.fit_transform(table)
    np.testing.assert_array_equal(encoded, expected)
    assert encoded.dtype == np.float32
    assert [values.tolist() for values in ours.categories_] == [values.tolist() for values in theirs.categories_]
    back = ours.inverse_transform(encoded)
    assert back.tolist() == theirs.inverse_transform(expected).tolist()
    assert back.tolist() == np.array(table, object).tolist()


def test_given_categories_in_their_order() -> None:
    encoder = OneHotEncoder(categories=[["low", "high", "middle"], [5, 3]], dtype=np.float64)
    encoded = encoder.fit_transform([["middle", 3], ["low", 5]])
    np.testing.assert_array_equal(encoded, [[0, 0, 1, 0, 1], [1, 0, 0, 1, 0]])
    assert encoded.dtype == np.float64
    assert encoder.inverse_transform(encoded).tolist() == [["middle", 3], ["low", 5]]


def test_unknown_categories_that_are_ignored() -> None:
    encoder = OneHotEncoder(handle_unknown="ignore").fit([["a"], ["c"]])
    encoded = encoder.transform([["b"], ["c"], ["zzz"]])
    np.testing.assert_array_equal(encoded, [[0, 0], [0, 1], [0, 0]])
    assert encoder.inverse_transform(encoded).tolist() == [[None], ["c"], [None]]


def test_scores_are_decoded_to_the_most_likely_category() -> None:
    encoder = OneHotEncoder().fit([[10], [20], [30]])
    assert encoder.inverse_transform([[0.1, 0.7, 0.2], [-5.0, -6.0, -1.0]]).tolist() == [[20], [30]]


@pytest.mark.parametrize(
    ("table", "other", "message"),
    [
        ([["a"], ["b"]], [["a"], ["d"]], "row 1 has 'd' as feature 0, which is not among the categories ['a', 'b']"),
        (np.array([[1, 2]]), np.array([[1, 3]]), "as feature 1, which is not among the categories [2]"),
        (np.array([[1], [2]]), np.array([["1"]]), "as feature 0, which is not among the categories [1, 2]"),
        ([[1]], [[1, 2]], "the data has 2 features, and it was fitted to 1"),
    ],
)
def test_what_transform_refuses(table: Any, other: Any, message: str) -> None:
    with pytest.raises(AsgError) as caught:
        OneHotEncoder().fit(table).transform(other)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            [1, 2],
            "the data has the shape [2]; a table [rows, features] is needed; reshape(-1, 1) makes one of a single",
        ),
        (np.zeros((0, 1)), "the data has no row; at least one is needed"),
        (csr_matrix(np.eye(2)), "the data is a csr_matrix; an array, or what NumPy makes one of, is needed"),
        ([["a"], ["b", "c"]], "the data is not an array: setting an array element with a sequence"),
        ([[float("nan")]], "feature 0 holds NaN, which is no category"),
        ([["a"], [1]], "the categories of feature 0 cannot be sorted"),
    ],
)
def test_what_fit_refuses(table: Any, message: str) -> None:
    with pytest.raises(AsgError) as caught:
        OneHotEncoder().fit(table)
    assert message in str(caught.value)


def test_other_refusals() -> None:
    with pytest.raises(AsgError, match="call fit first"):
        OneHotEncoder().transform([[1]])
    with pytest.raises(AsgError, match="call fit first"):
        OneHotEncoder().inverse_transform([[1]])
    with pytest.raises(AsgError, match=r"the data has the shape \[1, 3\]; \[rows, 2\] is needed"):
        OneHotEncoder().fit([[1], [2]]).inverse_transform([[1, 0, 0]])
    with pytest.raises(AsgError, match="in row 1 all columns of feature 0 are 0"):
        OneHotEncoder().fit([[1], [2]]).inverse_transform([[1, 0], [0, 0]])
    with pytest.raises(AsgError, match="categories are given for 1 features, and the data has 2"):
        OneHotEncoder(categories=[[1]]).fit([[1, 2]])
    with pytest.raises(AsgError, match="feature 0 has a category twice"):
        OneHotEncoder(categories=[[1, 1]]).fit([[1]])
    with pytest.raises(AsgError, match="row 0 has 3 as feature 0"):
        OneHotEncoder(categories=[[1, 2]]).fit([[3]])
    with pytest.raises(AsgError, match='handle_unknown is "drop"; "error" or "ignore" is needed'):
        OneHotEncoder(handle_unknown="drop")  # pyright: ignore[reportArgumentType] - to see what is said
