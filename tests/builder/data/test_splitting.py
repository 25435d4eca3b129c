"""Splitting data: sizes and proportions as scikit-learn has them."""

from typing import Any

import numpy as np
import pytest
import sklearn.model_selection as reference  # pyright: ignore[reportMissingTypeStubs] - scikit-learn ships none

from asg_builder.data import train_test_split
from asg_schema.errors import AsgError

sklearn: Any = reference
SIZES: list[dict[str, Any]] = [
    {},
    {"test_size": 0.2},
    {"test_size": 0.333},
    {"test_size": 7},
    {"train_size": 0.6},
    {"train_size": 11},
    {"train_size": 0.5, "test_size": 0.25},
    {"train_size": 20, "test_size": 8},
    {"test_size": 0.1},
    {"test_size": 0.07},
]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("count", [30, 41, 100])
def test_sizes(sizes: dict[str, Any], count: int) -> None:
    x = np.arange(count)
    train, test = train_test_split(x, random_state=0, **sizes)
    expected = sklearn.train_test_split(x, random_state=0, **sizes)
    assert [len(train), len(test)] == [len(part) for part in expected]
    assert len(set(train) | set(test)) == len(train) + len(test)
    assert not np.array_equal(train, np.sort(train))


def test_without_shuffling_it_is_scikit_learns_split() -> None:
    x = np.arange(23)
    for ours, theirs in zip(
        train_test_split(x, test_size=0.3, shuffle=False),
        sklearn.train_test_split(x, test_size=0.3, shuffle=False),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("sizes", SIZES)
def test_stratified_parts_have_the_proportions_of_the_whole(sizes: dict[str, Any]) -> None:
    labels = np.repeat(["a", "b", "c"], [60, 30, 10])[np.random.default_rng(0).permutation(100)]
    x = np.arange(100)
    train, test = train_test_split(x, random_state=1, stratify=labels, **sizes)
    expected = sklearn.train_test_split(x, random_state=1, stratify=labels, **sizes)
    assert not set(train) & set(test)
    for part, theirs in zip((train, test), expected, strict=True):
        assert len(part) == len(theirs)
        assert len(set(part)) == len(part)
        counts = np.array([np.count_nonzero(labels[part] == name) for name in "abc"])
        np.testing.assert_array_less(np.abs(counts - np.array([0.6, 0.3, 0.1]) * len(part)), 1.0)


def test_rows_of_all_arrays_stay_together() -> None:
    x = np.arange(40).reshape(20, 2)
    x_train, x_test, y_train, y_test = train_test_split(x, x[:, 0].tolist(), random_state=0)
    np.testing.assert_array_equal(x_train[:, 0], y_train)
    np.testing.assert_array_equal(x_test[:, 0], y_test)


def test_a_seed_determines_the_split() -> None:
    x = np.arange(100)
    labels = x % 3
    variants: list[dict[str, Any]] = [{}, {"stratify": labels}]
    for options in variants:
        first, second, other = (train_test_split(x, random_state=seed, **options)[1] for seed in (5, 5, 6))
        np.testing.assert_array_equal(first, second)
        assert not np.array_equal(first, other)
        assert not np.array_equal(train_test_split(x, **options)[1], train_test_split(x, **options)[1])


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ((), {}, "there is no array to split"),
        ((np.zeros(3), np.zeros(4)), {}, "the arrays have different numbers of rows: [3, 4]"),
        (
            (np.zeros(4),),
            {"test_size": 1.0},
            "test_size is 1.0; a share between 0 and 1, or a number of rows, is needed",
        ),
        (
            (np.zeros(4),),
            {"train_size": True},
            "train_size is True; a share between 0 and 1, or a number of rows, is needed",
        ),
        (
            (np.zeros(4),),
            {"test_size": 4},
            "4 rows cannot be split into 0 and 4; two parts of at least one row each are needed, together no more than "
            "there are",
        ),
        (
            (np.zeros(4),),
            {"test_size": 3, "train_size": 2},
            "4 rows cannot be split into 2 and 3; two parts of at least one row each are needed, together no more than "
            "there are",
        ),
        (
            (np.zeros(0),),
            {},
            "0 rows cannot be split into 0 and 0; two parts of at least one row each are needed, together no more than "
            "there are",
        ),
        (
            (np.zeros(4),),
            {"stratify": [0, 0, 1, 1], "shuffle": False},
            "stratify chooses rows at random; shuffle=False does not go with it",
        ),
        (
            (np.zeros(4),),
            {"stratify": [0, 0, 1]},
            "stratify has the shape [3]; a class for each of 4 rows is needed",
        ),
        (
            (np.zeros(5),),
            {"stratify": [0, 0, 7, 1, 1]},
            "the class 7 has one row; to stratify each class needs at least two",
        ),
        (
            (np.zeros(4),),
            {"stratify": np.array([0, "a", 0, "a"], object)},
            "the classes of stratify cannot be sorted: '<' not supported between instances of 'str' and 'int'",
        ),
        ((np.zeros(4),), {"random_state": -1}, "random_state is -1; an integer of at least 0, or None, is needed"),
        (
            ([1, 2], (number for number in range(2))),
            {},
            "array 1 is a generator; an array, or what NumPy makes one of, is needed",
        ),
        (
            (np.zeros(6),),
            {"stratify": [0, 0, 1, 1, 2, 2], "test_size": 2},
            "3 classes do not go into parts of 4 and 2 rows; each part needs at least one row for each class",
        ),
    ],
)
def test_refusals(arrays: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AsgError) as caught:
        train_test_split(*arrays, **options)
    assert str(caught.value) == f"train_test_split: {message}"
