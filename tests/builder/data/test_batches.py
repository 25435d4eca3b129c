"""Mini-batches of arrays: what they hold, their order, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix  # pyright: ignore[reportMissingTypeStubs] - SciPy ships none

from asg_builder.arrays import Array
from asg_builder.data import Batches, RandomSampler, SequentialSampler, WeightedRandomSampler
from asg_schema.errors import AsgError

X = np.arange(20).reshape(10, 2)
Y = np.arange(10) * 100


def test_a_mapping_gives_mappings() -> None:
    batches = list(Batches({"x": X, "y": Y.tolist()}, 4))
    assert [list(batch) for batch in batches] == [["x", "y"]] * 3
    assert [len(batch["x"]) for batch in batches] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([batch["x"] for batch in batches]), X)
    np.testing.assert_array_equal(np.concatenate([batch["y"] for batch in batches]), Y)


def test_a_tuple_gives_tuples_and_an_array_arrays() -> None:
    for x, y in Batches((X, Y), 3, shuffle=True):
        np.testing.assert_array_equal(x[:, 0] * 50, y)
    np.testing.assert_array_equal(np.concatenate(list(Batches(X, 7))), X)


@pytest.mark.parametrize(
    ("batch_size", "drop_last", "sizes"), [(4, True, [4, 4]), (5, True, [5, 5]), (10, False, [10])]
)
def test_lengths(batch_size: int, drop_last: bool, sizes: list[int]) -> None:
    batches = Batches(X, batch_size, drop_last=drop_last)
    assert [len(batch) for batch in batches] == sizes
    assert len(batches) == len(sizes)


def test_a_batch_larger_than_the_data_is_all_of_it() -> None:
    assert [len(batch) for batch in Batches(X, 64)] == [10]


def test_batches_are_copies() -> None:
    data = X.copy()
    for batch in Batches(data, 5):
        batch[:] = -1
    np.testing.assert_array_equal(data, X)


def orders(batches: Batches[Array], epochs: int) -> list[list[int]]:
    return [np.concatenate(list(batches)).tolist() for _ in range(epochs)]


def test_each_epoch_has_another_order_that_the_seed_determines() -> None:
    rows = np.arange(50)
    first = orders(Batches(rows, 8, shuffle=True, seed=3), 3)
    assert all(sorted(order) == rows.tolist() for order in first)
    assert len({tuple(order) for order in first}) == 3
    assert orders(Batches(rows, 8, shuffle=True, seed=3), 3) == first
    assert orders(Batches(rows, 8, shuffle=True, seed=4), 1) != first[:1]
    resumed = Batches(rows, 8, shuffle=True, seed=3)
    resumed.epoch = 2
    assert orders(resumed, 1) == first[2:]


def test_two_iterations_at_a_time_are_two_epochs() -> None:
    batches = Batches(np.arange(6), 2, shuffle=True)
    one, two = iter(batches), iter(batches)
    mixed = [np.concatenate(pair) for pair in zip(one, two, strict=True)]
    apart = [np.concatenate(list(iter(Batches(np.arange(6), 2, shuffle=True))))]
    np.testing.assert_array_equal(np.concatenate([pair[:2] for pair in mixed]), apart[0])


class BadSampler(SequentialSampler):
    def indices(self, epoch: int) -> Array:
        return super().indices(epoch) + 1


class ShortSampler(SequentialSampler):
    def indices(self, epoch: int) -> Array:
        return super().indices(epoch)[1:]


class FloatSampler(SequentialSampler):
    def indices(self, epoch: int) -> Array:
        return super().indices(epoch) / 2


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ({"x": X, "y": Y[:9]}, {}, 'the arrays have different numbers of rows: "x" has 10, "y" has 9'),
        ((X, Y[:3]), {}, "the arrays have different numbers of rows: array 0 has 10, array 1 has 3"),
        ({}, {}, "there is no array to make batches of"),
        ({"x": X[:0]}, {}, "the arrays have no rows; at least one is needed"),
        ({"x": X, "rate": 0.5}, {}, '"rate" is one number; an array with a row for each example is needed'),
        (X, {"batch_size": 0}, "batch_size is 0; at least 1 is needed"),
        (
            X,
            {"batch_size": 11, "drop_last": True},
            "an epoch has 10 rows and batch_size is 11, so that with drop_last no batch is left",
        ),
        (X, {"shuffle": True, "seed": -1}, "RandomSampler: seed is -1; an integer of at least 0 is needed"),
        (
            X,
            {"shuffle": True, "sampler": SequentialSampler(10)},
            "both shuffle and a sampler are given; the sampler alone determines the order",
        ),
        (X, {"sampler": BadSampler(10)}, "the sampler chooses row 10; there are 10 rows"),
        (
            X,
            {"sampler": ShortSampler(10)},
            "the sampler chooses int64 [9]; numbers of rows, integers [10], are needed",
        ),
        (
            X,
            {"sampler": FloatSampler(10)},
            "the sampler chooses float64 [10]; numbers of rows, integers [10], are needed",
        ),
        (X, {"shuffle": True, "seed": None}, "RandomSampler: seed is None; an integer of at least 0 is needed"),
        ((row for row in X), {}, "the data is a generator; an array, or what NumPy makes one of, is needed"),
        ({"x": csr_matrix(X)}, {}, '"x" is a csr_matrix; an array, or what NumPy makes one of, is needed'),
        (5.0, {}, "the data is one number; an array with a row for each example is needed"),
    ],
)
def test_refusals(data: Any, options: dict[str, Any], message: str) -> None:
    batch_size = options.get("batch_size", 2)
    others: dict[str, Any] = {name: value for name, value in options.items() if name != "batch_size"}
    with pytest.raises(AsgError) as caught:
        list(Batches(data, batch_size, **others))
    assert str(caught.value) == message


def test_a_ragged_list_is_refused() -> None:
    ragged: Any = {"x": [[1], [1, 2]]}
    with pytest.raises(AsgError, match=r'"x" is not an array: .*inhomogeneous'):
        Batches(ragged, 2)


def test_a_file_is_read_batch_by_batch(tmp_path: Path) -> None:
    stored = np.memmap(tmp_path / "rows", np.float32, "w+", shape=(10, 3))
    stored[:] = np.arange(30).reshape(10, 3)
    batches = Batches({"x": stored}, 4)
    held: Any = batches.data
    assert np.shares_memory(held["x"], stored)
    read = [batch["x"] for batch in batches]
    assert not any(np.shares_memory(part, stored) for part in read)
    np.testing.assert_array_equal(np.concatenate(read), stored)


def test_weighted_sampling_draws_in_proportion() -> None:
    sampler = WeightedRandomSampler([1.0, 0.0, 3.0, 6.0], 100_000, seed=1)
    shares = np.bincount(sampler.indices(0), minlength=4) / 100_000
    assert len(sampler) == 100_000
    np.testing.assert_allclose(shares, [0.1, 0.0, 0.3, 0.6], atol=5 * 0.5 / np.sqrt(100_000))
    np.testing.assert_array_equal(sampler.indices(4), sampler.indices(4))
    assert not np.array_equal(sampler.indices(4), sampler.indices(5))


def test_weighted_sampling_without_replacement() -> None:
    weights = [0.0, 5.0, 1.0, 1.0, 2.0]
    sampler = WeightedRandomSampler(weights, 3, replacement=False)
    drawn = [sampler.indices(epoch) for epoch in range(200)]
    assert all(len(set(rows.tolist())) == 3 and 0 not in rows for rows in drawn)
    # The heaviest row comes first in five of nine epochs, the others in one or two.
    first = np.bincount([rows[0] for rows in drawn], minlength=5) / 200
    assert first.argmax() == 1


def test_huge_weights_do_not_overflow() -> None:
    np.testing.assert_allclose(WeightedRandomSampler([1e308, 1e308, 1e308]).probabilities, [1 / 3] * 3)


def test_a_sampler_in_batches() -> None:
    batches = Batches({"y": Y}, 4, sampler=WeightedRandomSampler([0] * 9 + [1], 6))
    assert [batch["y"].tolist() for batch in batches] == [[900] * 4, [900] * 2]
    assert len(batches) == 2


@pytest.mark.parametrize(
    ("weights", "options", "message"),
    [
        ([[1.0]], {}, "weights has the shape [1, 1]; one weight for each row is needed"),
        ([], {}, "weights has the shape [0]; one weight for each row is needed"),
        ([1.0, -1.0], {}, "weights[1] is -1.0; a finite number of at least 0 is needed"),
        ([float("nan")], {}, "weights[0] is nan; a finite number of at least 0 is needed"),
        (["much"], {}, "weights is an array of <U4; numbers are needed"),
        ([0.0, 0.0], {}, "all weights are 0; at least one above 0 is needed"),
        ([1.0], {"num_samples": 0}, "num_samples is 0; at least 1 is needed"),
        (
            [1.0, 0.0],
            {"replacement": False},
            "num_samples is 2, and 1 rows have a weight above 0; without replacement no more than these can be drawn",
        ),
        ([1.0], {"seed": -2}, "WeightedRandomSampler: seed is -2; an integer of at least 0 is needed"),
    ],
)
def test_weights_that_are_refused(weights: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AsgError) as caught:
        WeightedRandomSampler(weights, **options)
    assert str(caught.value) == message


def test_random_orders_are_uniform() -> None:
    sampler = RandomSampler(3, seed=0)
    counts: dict[tuple[int, ...], int] = {}
    for epoch in range(3000):
        order = tuple(sampler.indices(epoch).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert all(abs(count - 500) < 5 * np.sqrt(500) for count in counts.values())
