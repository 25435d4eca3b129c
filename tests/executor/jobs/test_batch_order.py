"""The order of batches: as the README spells it out, as NumPy has it, and as the builder's batches are."""

from collections.abc import Iterator

import numpy as np
import pytest

from asg_builder.data import Batches
from asg_executor.jobs.batch_order import batches_per_epoch, epoch_order

U32, U64, U128 = 2**32 - 1, 2**64 - 1, 2**128 - 1


def words(number: int) -> list[int]:
    found = [number & U32]
    while number := number >> 32:
        found.append(number & U32)
    return found


def seeded(entropy: list[int]) -> list[int]:
    """Four 64-bit numbers."""
    constant = 0x43B0D7E5

    def hashed(value: int) -> int:
        nonlocal constant
        value ^= constant
        constant = constant * 0x931E8875 & U32
        value = value * constant & U32
        return value ^ value >> 16

    def mixed(x: int, y: int) -> int:
        value = (0xCA01F9DD * x - 0x4973F715 * y) & U32
        return value ^ value >> 16

    pool = [hashed(entropy[i] if i < len(entropy) else 0) for i in range(4)]
    for source in range(4):
        for target in range(4):
            if source != target:
                pool[target] = mixed(pool[target], hashed(pool[source]))
    for word in entropy[4:]:
        for target in range(4):
            pool[target] = mixed(pool[target], hashed(word))
    constant = 0x8B51F9DD
    state: list[int] = []
    for index in range(8):
        value = pool[index % 4] ^ constant
        constant = constant * 0x58F38DED & U32
        value = value * constant & U32
        state.append(value ^ value >> 16)
    return [state[i] | state[i + 1] << 32 for i in range(0, 8, 2)]


def pcg64(seed: int, epoch: int) -> Iterator[int]:
    """64-bit numbers."""
    a, b, c, d = seeded([*words(seed), *words(epoch)])
    multiplier, increment = 0x2360ED051FC65DA44385DF649FCCF645, ((c << 64 | d) << 1 | 1) & U128
    state = (increment + (a << 64 | b)) * multiplier + increment & U128
    while True:
        state = state * multiplier + increment & U128
        value, turn = (state >> 64 ^ state) & U64, state >> 122
        yield (value >> turn | value << (-turn & 63)) & U64


def halves(numbers: Iterator[int]) -> Iterator[int]:
    """32-bit numbers: the low half of each, then the high one."""
    for number in numbers:
        yield number & U32
        yield number >> 32


def permutation(length: int, seed: int, epoch: int) -> list[int]:
    """As the README has it, for fewer than 2³² rows."""
    order = list(range(length))
    numbers = halves(pcg64(seed, epoch))
    for place in range(length - 1, 0, -1):
        mask = (1 << place.bit_length()) - 1
        chosen = next(number & mask for number in numbers if number & mask <= place)
        order[place], order[chosen] = order[chosen], order[place]
    return order


@pytest.mark.parametrize("length", [1, 2, 3, 7, 50, 1000])
@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (7, 3), (2**32, 1), (2**64 - 1, 2**40)])
def test_an_order_is_that_of_the_readme(length: int, seed: int, epoch: int) -> None:
    assert epoch_order(length, seed, epoch).tolist() == permutation(length, seed, epoch)


@pytest.mark.parametrize(
    ("length", "size", "drop_last"), [(50, 16, False), (50, 16, True), (48, 16, False), (5, 8, False)]
)
@pytest.mark.parametrize("seed", [None, 0, 7, 2**63])
def test_batches_are_those_of_the_builder(length: int, size: int, drop_last: bool, seed: int | None) -> None:
    rows = np.arange(length)
    batches = Batches(rows, size, shuffle=seed is not None, seed=seed or 0, drop_last=drop_last)
    count = batches_per_epoch(length, size, drop_last=drop_last)
    assert count == len(batches)
    for epoch in range(3):
        order = epoch_order(length, seed, epoch)
        own = [order[begin * size : (begin + 1) * size].tolist() for begin in range(count)]
        assert own == [batch.tolist() for batch in batches]


def test_an_epoch_without_a_whole_batch_has_none() -> None:
    assert batches_per_epoch(5, 8, drop_last=True) == 0
