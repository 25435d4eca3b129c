"""Samples of random bits."""

import math
from typing import Any

import numpy as np

from asg_schema.ops.random import RngBits
from op_samples.sample import Array, Sample
from op_samples.threefry import random_word, threefry_2x32


def _bits(name: str, key: tuple[int, int], shape: tuple[int, ...], offset: int | None = None) -> Sample:
    def reference(key: Array) -> Array:
        first, second = key.tolist()
        words = [random_word((first, second), (offset or 0) + index) for index in range(math.prod(shape))]
        return np.array(words, np.uint32).reshape(shape)

    attributes = {"shape": shape} | ({} if offset is None else {"offset": offset})
    return Sample(f"rng_bits.{name}", RngBits, (np.array(key, np.uint32),), attributes, reference)


def _word(word: str, place: int) -> Sample:
    def reference(key: Array) -> Array:
        first, second = key.tolist()
        return np.array([threefry_2x32((first, second), (0, index))[place] for index in range(4)], np.uint32)

    return Sample(f"rng_bits.{word}", RngBits, (np.array([5, 6], np.uint32),), {"shape": (4,), "word": word}, reference)


def _of_keys(name: str, keys: list[tuple[int, int]], leading: tuple[int, ...], **attributes: Any) -> Sample:
    """Several keys at once: what each makes by itself, one after another."""
    shape, offset = attributes["shape"], attributes.get("offset", 0)

    def reference(array: Array) -> Array:
        count = math.prod(shape)
        words = [random_word((a, b), offset + i) for a, b in array.reshape(-1, 2).tolist() for i in range(count)]
        return np.array(words, np.uint32).reshape(*leading, *shape)

    operand = np.array(keys, np.uint32).reshape(*leading, 2)
    return Sample(f"rng_bits.{name}", RngBits, (operand,), attributes, reference)


SAMPLES: list[Sample] = [
    _bits("vector", (0, 0), (7,)),
    _bits("matrix", (0x13198A2E, 0x03707344), (2, 3)),
    _bits("rank_0", (1, 2), ()),
    _bits("empty", (1, 2), (0, 3)),
    _bits("offset", (0xFFFFFFFF, 0xFFFFFFFF), (2,), 6),
    _bits("offset_across_32_bits", (3, 4), (4,), 2**32 - 2),
    _bits("largest_offset", (3, 4), (1,), 2**63 - 1),
    _of_keys("several_keys", [(0, 0), (1, 2), (0xFFFFFFFF, 7)], (3,), shape=(2,), offset=2**32 - 1),
    _of_keys("keys_along_two_axes", [(5, 6), (7, 8)], (1, 2), shape=()),
    _of_keys("no_key", [], (0,), shape=(2,)),
    _of_keys("several_keys_of_no_words", [(1, 2), (3, 4)], (2,), shape=(0,)),
    _word("first", 0),
    _word("second", 1),
]
