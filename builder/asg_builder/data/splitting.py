"""Splitting a data set in two."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from asg_builder.arrays import Array, as_array
from asg_schema.errors import AsgError

__all__ = ["train_test_split"]


def train_test_split(
    *arrays: npt.ArrayLike,
    test_size: float | None = None,
    train_size: float | None = None,
    random_state: int | None = None,
    shuffle: bool = True,
    stratify: npt.ArrayLike | None = None,
) -> list[Array]:
    """Two parts of each array, with the same rows of all; after `sklearn.model_selection.train_test_split`.

    ```python
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=0, stratify=y)
    ```

    Args:
        arrays: arrays of one length along the first axis.
        test_size: the size of the second part: a share between 0 and 1, rounded up to whole rows, or an int, a number
            of rows. Absent: what the first part leaves, or a quarter.
        train_size: the size of the first part: a share, rounded down, or a number of rows. Absent: what the second
            part leaves.
        random_state: the seed; None is another split at each call. A seed gives another split than in scikit-learn.
        shuffle: whether rows are chosen at random; else the second part is the end of the arrays.
        stratify: a class for each row; both parts then have the classes in the proportions of the whole, up to
            rounding.

    Returns:
        For each array the first part and the second.

    Raises:
        AsgError: there is no array, the lengths differ, a size or the seed is out of range, or with `stratify` a class
            has one row, a part has fewer rows than there are classes, or the classes cannot be sorted.
    """
    if not arrays:
        raise AsgError("train_test_split: there is no array to split")
    given = [as_array(array, f"train_test_split: array {index}") for index, array in enumerate(arrays)]
    lengths = [len(array) if array.ndim else 0 for array in given]
    if len(set(lengths)) > 1:
        raise AsgError(f"train_test_split: the arrays have different numbers of rows: {lengths}")
    count = lengths[0]
    train_count, test_count = _sizes(count, train_size, test_size)
    if random_state is not None and random_state < 0:
        raise AsgError(
            f"train_test_split: random_state is {random_state}; an integer of at least 0, or None, is needed"
        )
    if stratify is not None:
        if not shuffle:
            raise AsgError("train_test_split: stratify chooses rows at random; shuffle=False does not go with it")
        train, test = _stratified(
            as_array(stratify, "train_test_split: stratify"), count, train_count, test_count, random_state
        )
    elif shuffle:
        order = np.random.default_rng(random_state).permutation(count)
        train, test = order[:train_count], order[train_count : train_count + test_count]
    else:
        train, test = np.arange(train_count), np.arange(train_count, train_count + test_count)
    return [array[rows] for array in given for rows in (train, test)]


def _sizes(count: int, train_size: float | None, test_size: float | None) -> tuple[int, int]:
    """The numbers of rows of the two parts."""
    if train_size is None and test_size is None:
        test_size = 0.25
    test = None if test_size is None else _rows_of(test_size, count, "test_size", round_up=True)
    train = None if train_size is None else _rows_of(train_size, count, "train_size", round_up=False)
    if test is None:
        test = count - (train or 0)
    if train is None:
        train = count - test
    if train < 1 or test < 1 or train + test > count:
        raise AsgError(
            f"train_test_split: {count} rows cannot be split into {train} and {test}; two parts of at least one row "
            "each are needed, together no more than there are"
        )
    return train, test


def _rows_of(size: float, count: int, name: str, *, round_up: bool) -> int:
    if isinstance(size, int | np.integer) and not isinstance(size, bool):
        return int(size)
    if isinstance(size, bool) or not 0 < size < 1:
        raise AsgError(f"train_test_split: {name} is {size}; a share between 0 and 1, or a number of rows, is needed")
    # In binary 0.07 · 100 is a little more than 7; as in scikit-learn that is 8 rows.
    return math.ceil(size * count) if round_up else math.floor(size * count)


def _stratified(classes: Array, count: int, train_count: int, test_count: int, seed: int | None) -> tuple[Array, Array]:
    """The rows of two parts that have the classes in the same proportions."""
    if classes.shape != (count,):
        raise AsgError(
            f"train_test_split: stratify has the shape {list(classes.shape)}; a class for each of {count} rows is "
            "needed"
        )
    try:
        found: Any = np.unique(classes, return_inverse=True, return_counts=True)
    except TypeError as error:
        raise AsgError(f"train_test_split: the classes of stratify cannot be sorted: {error}") from None
    names, members, counts = found
    if counts.min() < 2:
        rare = names[counts.argmin()]
        raise AsgError(f"train_test_split: the class {rare} has one row; to stratify each class needs at least two")
    if min(train_count, test_count) < len(names):
        raise AsgError(
            f"train_test_split: {len(names)} classes do not go into parts of {train_count} and {test_count} rows; each "
            "part needs at least one row for each class"
        )
    rng = np.random.default_rng(seed)
    in_test = _apportion(counts, test_count, rng)
    in_train = _apportion(counts - in_test, train_count, rng)
    train: list[Array] = []
    test: list[Array] = []
    for number in range(len(names)):
        rows = rng.permutation(np.flatnonzero(members == number))
        test.append(rows[: in_test[number]])
        train.append(rows[in_test[number] : in_test[number] + in_train[number]])
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(test))


def _apportion(counts: Array, total: int, rng: np.random.Generator) -> Array:
    """`total` rows shared out in proportion to `counts`: whole shares, then the largest remainders, ties at random."""
    quotas = counts * (total / counts.sum())
    shares = np.minimum(np.floor(quotas).astype(np.int64), counts)
    order = np.lexsort((rng.random(len(counts)), shares - quotas))
    room = order[shares[order] < counts[order]]
    shares[room[: total - int(shares.sum())]] += 1
    return shares
