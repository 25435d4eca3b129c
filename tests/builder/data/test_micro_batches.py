"""A batch in parts."""

from typing import Any

import numpy as np
import pytest

from asg_builder.data import micro_batches
from asg_schema.errors import AsgError


def test_rows_stay_together_and_in_order() -> None:
    x, y = np.arange(14).reshape(7, 2), list("abcdefg")
    parts = micro_batches({"x": x, "y": y}, 3)
    assert [part["y"].tolist() for part in parts] == [["a", "b", "c"], ["d", "e"], ["f", "g"]]
    np.testing.assert_array_equal(np.concatenate([part["x"] for part in parts]), x)
    assert np.shares_memory(parts[1]["x"], x)


def test_a_batch_with_fewer_rows_has_as_many_parts_as_rows() -> None:
    assert [part["x"].tolist() for part in micro_batches({"x": [1, 2]}, 5)] == [[1], [2]]


@pytest.mark.parametrize(
    ("batch", "count", "message"),
    [
        ({"x": [1]}, 0, "count is 0; at least 1 micro-batch is needed"),
        ({}, 2, "there is no array"),
        ({"x": []}, 2, '"x" has 0'),
        ({"x": [1, 2], "y": 3}, 2, '"x" has 2, "y" has 0'),
        ({"x": [1, 2], "y": [3]}, 2, '"x" has 2, "y" has 1'),
    ],
)
def test_what_cannot_be_divided(batch: dict[str, Any], count: int, message: str) -> None:
    with pytest.raises(AsgError, match=message):
        micro_batches(batch, count)
