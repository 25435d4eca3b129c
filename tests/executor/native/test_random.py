"""Native random bits are those of the NumPy kernel, bit for bit."""

from typing import Literal

import numpy as np
import pytest

from asg_schema.ops.random import RngBits
from executor.native.running import run_natively, run_with_numpy

_KEYS = np.array([[0x13198A2E, 0x03707344], [0, 0], [7, 2**32 - 1]], np.uint32)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("word", ["xor", "first", "second"])
@pytest.mark.parametrize("offset", [0, 5, 2**32 - 3, 2**63 - 20])
def test_bits_of_one_key(offset: int, word: Literal["xor", "first", "second"], threads: int) -> None:
    op = RngBits(id="bits", inputs=("key",), shape=(3, 3001), offset=offset, word=word)
    native = run_natively(op, [_KEYS[0]], threads)
    assert native is not None
    assert (native[0] == run_with_numpy(op, [_KEYS[0]])[0]).all()


@pytest.mark.parametrize("shape", [(), (1,), (5,), (4096,), (4097,)])
def test_bits_of_several_keys(shape: tuple[int, ...]) -> None:
    op = RngBits(id="bits", inputs=("key",), shape=shape, offset=2**32 - 2)
    native = run_natively(op, [_KEYS], 2)
    assert native is not None
    assert native[0].shape == (3, *shape)
    assert (native[0] == run_with_numpy(op, [_KEYS])[0]).all()


def test_keys_with_gaps_between_them_are_left_to_numpy() -> None:
    op = RngBits(id="bits", inputs=("key",), shape=(5,))
    assert run_natively(op, [_KEYS[::2]]) is None
