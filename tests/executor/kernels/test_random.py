"""Threefry-2x32 against the known answers that its authors publish (Random123, tests/kat_vectors)."""

import numpy as np
import pytest

from asg_executor.kernels.random import rng_bits, threefry_2x32
from asg_executor.kernels.workspace import Workspace
from asg_schema.ops.random import RngBits
from op_samples.threefry import random_word  # an implementation word by word, in Python's integers


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_known_answers(counter: tuple[int, int], key: tuple[int, int], expected: tuple[int, int]) -> None:
    x0, x1, spare = np.array([counter[0]], np.uint32), np.array([counter[1]], np.uint32), np.zeros(1, np.uint32)
    threefry_2x32(*key, x0, x1, spare)
    assert (int(x0[0]), int(x1[0])) == expected


@pytest.mark.parametrize("offset", [0, 5, 2**32 - 3, 2**40 + 1])
def test_counters_run_on_over_tiles_and_over_the_end_of_a_word(offset: int) -> None:
    key = np.array([7, 2**31 + 11], np.uint32)
    result = np.empty((3, 5000), np.uint32)
    op = RngBits(id="y", inputs=("key",), shape=(3, 5000), offset=offset)
    rng_bits(op, [key], [result], Workspace())()
    places = [0, 1, 2, 3, 4, 8191, 8192, 14_999]
    expected = [random_word((7, 2**31 + 11), offset + place) for place in places]
    np.testing.assert_array_equal(result.reshape(-1)[places], expected)


@pytest.mark.parametrize("of_each", [1, 3, 1000, 4096, 4097, 9000])
def test_several_keys_draw_as_each_by_itself(of_each: int) -> None:
    """Short lines go into tiles together, long ones each by themselves, and a last tile may be smaller."""
    keys = np.arange(44, dtype=np.uint32).reshape(11, 2, 2)[:, ::-1]  # not contiguous
    several, single = np.empty((11, 2, of_each), np.uint32), np.empty(of_each, np.uint32)
    op = RngBits(id="y", inputs=("key",), shape=(of_each,), offset=2**32 - 2, word="first")
    rng_bits(op, [keys], [several], Workspace())()
    for place in ((0, 0), (0, 1), (3, 1), (10, 1)):
        rng_bits(op, [keys[place]], [single], Workspace())()
        np.testing.assert_array_equal(several[place], single)
