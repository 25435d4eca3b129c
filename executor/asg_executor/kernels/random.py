"""Kernels of random bits: Threefry-2x32 with 20 rounds, over whole arrays.

The rounds, rotations and key schedule are those of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"
(Proceedings of SC11, 2011), section 3.3 and table 4.
"""

from functools import partial
from math import prod
from typing import Any

import numpy as np

from asg_executor.kernels.kernel import Arrays, Step, kernels
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_schema.ops.random import RngBits

__all__ = ["threefry_2x32"]

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_TILE = 8192  # the four arrays of a tile fit into a core's first or second level of cache


@kernels.define(RngBits)
def rng_bits(op: RngBits, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The words are made tile by tile, in place: of one key at a time, or of many keys that make few words each."""
    (keys,), (result,) = operands, results
    of_each = prod(result.shape[keys.ndim - 1 :])
    lines = result.reshape(prod(keys.shape[:-1]), of_each)
    tile = min(_TILE, max(lines.size, 1))
    scratch = tuple(workspace.empty((tile,), np.uint32) for _ in range(2))
    if len(lines) > 1 and 0 < of_each <= _TILE // 2:
        counters = np.arange(of_each, dtype=np.uint64) + np.uint64(op.offset)
        return partial(_fill_for_keys, lines, op, keys, _words(counters), scratch)
    steps = np.arange(tile, dtype=np.uint32)
    return partial(_fill_lines, lines, op, keys, steps, scratch)


def _words(counters: Array) -> tuple[Array, Array]:
    """The high and the low words of 64-bit counters."""
    return (counters >> np.uint64(32)).astype(np.uint32), counters.astype(np.uint32)


def _fill_for_keys(
    lines: Array, op: RngBits, keys: Array, words: tuple[Array, Array], scratch: tuple[Array, ...]
) -> None:
    """Fill as many short lines at once as go into a tile."""
    of_each = lines.shape[1]
    keys = keys.reshape(-1, 2)
    at_once = scratch[0].size // of_each
    for begin in range(0, len(lines), at_once):
        low = lines[begin : begin + at_once]
        high, spare = (array[: low.size].reshape(low.shape) for array in scratch)
        high[...], low[...] = words
        first, second = (keys[begin : begin + at_once, word, np.newaxis] for word in (0, 1))
        threefry_2x32(first, second, high, low, spare)
        _choose_word(op, high, low)


def _fill_lines(lines: Array, op: RngBits, keys: Array, steps: Array, scratch: tuple[Array, ...]) -> None:
    for line, key in zip(lines, keys.reshape(-1, 2), strict=True):
        _fill(line, op, key, steps, scratch)


def _fill(result: Array, op: RngBits, key: Array, steps: Array, scratch: tuple[Array, ...]) -> None:
    begin = 0
    while begin < result.size:
        counter = op.offset + begin
        # A tile ends where the low word of the counter would wrap around, so that its high word is one number.
        count = min(steps.size, result.size - begin, (1 << 32) - counter % (1 << 32))
        low, high, spare = result[begin : begin + count], scratch[0][:count], scratch[1][:count]
        np.add(steps[:count], np.uint32(counter % (1 << 32)), out=low)
        high.fill((counter >> 32) % (1 << 32))
        threefry_2x32(int(key[0]), int(key[1]), high, low, spare)
        _choose_word(op, high, low)
        begin += count


def _choose_word(op: RngBits, high: Array, low: Array) -> None:
    """Put what becomes of the blocks' two words into `low`."""
    if op.word == "xor":
        np.bitwise_xor(low, high, out=low)
    elif op.word == "first":
        np.copyto(low, high)


def threefry_2x32(key0: int | Array, key1: int | Array, x0: Array, x1: Array, spare: Array) -> None:
    """Encrypt the blocks (x0, x1) in place.

    Args:
        key0: the key's first word; of several keys an array, uint32, that broadcasts with x0.
        key1: its second.
        x0: the first words of the blocks, uint32.
        x1: the second ones, of the same shape.
        spare: a third such array, which is overwritten.
    """
    keys = (key0, key1, key0 ^ key1 ^ _PARITY)
    np.add(x0, _word(keys[0]), out=x0)
    np.add(x1, _word(keys[1]), out=x1)
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            np.add(x0, x1, out=x0)
            np.left_shift(x1, np.uint32(rotation), out=spare)
            np.right_shift(x1, np.uint32(32 - rotation), out=x1)
            np.bitwise_or(x1, spare, out=x1)
            np.bitwise_xor(x1, x0, out=x1)
        np.add(x0, _word(keys[(group + 1) % 3]), out=x0)
        np.add(x1, _word(keys[(group + 2) % 3] + (group + 1)), out=x1)


def _word(value: int | Array) -> Any:
    """A word modulo 2³², or an array of words, in which arithmetic wraps around by itself."""
    return np.uint32(value % (1 << 32)) if isinstance(value, int) else value
