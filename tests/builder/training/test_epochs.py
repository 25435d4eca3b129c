"""Where a training that is gone on with goes on, and when its batches are drawn."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from asg_builder.data import Batches
from asg_builder.training.epochs import Epochs, PreparedBatches, batch_size
from asg_schema.errors import AsgError

BATCHES: list[Mapping[str, Any]] = [{"x": [number]} for number in range(4)]


def numbers(batches: Iterable[Mapping[str, Any]]) -> list[Any]:
    return [np.asarray(batch["x"]).tolist() for batch in batches]


@pytest.mark.parametrize(
    ("start_step", "number", "epochs", "first", "steps_left"),
    [
        (None, 11, [1, 2, 3], [[0], [1], [2], [3]], 12),
        (0, 0, [1, 2, 3], [[0], [1], [2], [3]], 12),
        (0, 3, [1, 2, 3], [[3]], 9),
        (0, 4, [2, 3], [[0], [1], [2], [3]], 8),
        (0, 6, [2, 3], [[2], [3]], 6),
        (5, 11, [2, 3], [[2], [3]], 6),
        (0, 12, [], None, 0),
        (0, 50, [], None, 0),
    ],
)
def test_what_is_left(
    start_step: int | None, number: int, epochs: list[int], first: list[Any] | None, steps_left: int
) -> None:
    found = Epochs(BATCHES, 3, start_step, number)
    assert list(found.left) == epochs
    assert found.steps_left == steps_left
    if first is not None:
        assert numbers(found.batches_left(epochs[0])) == first
        assert numbers(found.batches_left(epochs[-1])) == ([[0], [1], [2], [3]] if len(epochs) > 1 else first)


@pytest.mark.parametrize("taken", range(9))
def test_shuffled_batches_go_on_in_the_order_that_they_had(taken: int) -> None:
    def batches() -> Batches[Any]:
        return Batches({"x": np.arange(10)}, 4, shuffle=True, seed=3)

    uninterrupted = batches()
    expected = [found for _ in range(3) for found in numbers(uninterrupted)]
    left = batches()
    left.epoch = 17  # wherever it was before
    epochs = Epochs(left, 3, 0, taken)
    assert [found for epoch in epochs.left for found in numbers(epochs.batches_left(epoch))] == expected[taken:]


def test_a_training_that_cannot_be_gone_on_with() -> None:
    with pytest.raises(AsgError, match="start_step is 5, and the session is at step 3, before it"):
        Epochs(BATCHES, 3, 5, 3)
    with pytest.raises(AsgError, match="start_step needs batches that have a length"):
        Epochs(iter(BATCHES), 3, 0, 3)
    with pytest.raises(AsgError, match="start_step needs batches that have a length"):
        Epochs([], 3, 0, 0)


def drawing(drawn: list[int], *, fails: bool = False) -> Iterator[Mapping[str, Any]]:
    for number in range(3):
        drawn.append(number)
        if fails and number == 1:
            raise OSError("the file is gone")
        yield {"x": [number] * (number + 1)}


def test_batches_are_drawn_when_they_are_asked_for() -> None:
    drawn: list[int] = []
    prepared = PreparedBatches(drawing(drawn), lambda batch: bytes(np.asarray(batch["x"], np.uint8)))
    first = prepared.take()
    assert first is not None
    assert (first.body, first.size, drawn) == (b"\0", 1, [0])
    prepared.prepare_next()
    assert drawn == [0, 1]
    second = prepared.take()
    assert second is not None
    assert (second.body, second.size, drawn) == (b"\1\1", 2, [0, 1])
    assert prepared.take() is not None
    prepared.prepare_next()
    assert prepared.take() is None


def test_an_error_of_the_batches_comes_with_the_batch_that_is_missing() -> None:
    drawn: list[int] = []
    prepared = PreparedBatches(drawing(drawn, fails=True), lambda batch: b"")
    assert prepared.take() is not None
    prepared.prepare_next()
    with pytest.raises(OSError, match="the file is gone"):
        prepared.take()
    assert prepared.take() is None


def test_the_size_of_a_batch() -> None:
    assert batch_size({"learning_rate": 0.1, "x": np.zeros((3, 2))}) == 3
    assert batch_size({"learning_rate": 0.1}) == 1
