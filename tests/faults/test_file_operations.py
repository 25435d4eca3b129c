"""Every case broken off at every file operation: by the end of the process, a loss of power, a full or failing disk."""

import errno
import random
from pathlib import Path

import pytest

from fault_harness.breaking import REFUSALS, Breaker
from fault_harness.cases import CASES, Case
from fault_harness.extent import ROUNDS

STRIDE = max(200 // ROUNDS, 1)
# What a failing disk may refuse; that a program reads or closes its files is not among it.
FAILING = frozenset({"create", "write", "fsync", "rename", "mkdir", "commit", "ftruncate", "unlink"})


@pytest.fixture(params=list(CASES.values()), ids=list(CASES))
def breaker(request: pytest.FixtureRequest, tmp_path: Path) -> Breaker:
    case: Case = request.param
    return Breaker(case, tmp_path)


def numbers(breaker: Breaker) -> range:
    return range(0, len(breaker.operations), STRIDE)


def test_a_process_that_is_killed(breaker: Breaker) -> None:
    assert breaker.crash(numbers(breaker)) == len(numbers(breaker))


def test_a_power_that_fails_and_takes_all_that_was_not_flushed(breaker: Breaker) -> None:
    assert breaker.lose_power(numbers(breaker), None) == len(numbers(breaker))


@pytest.mark.parametrize("seed", range(2))
def test_a_power_that_fails_and_leaves_the_rest_to_chance(breaker: Breaker, seed: int) -> None:
    assert breaker.lose_power(numbers(breaker), random.Random(seed)) == len(numbers(breaker))


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EFBIG])
def test_a_disk_that_is_full(breaker: Breaker, fault: int) -> None:
    breaker.refuse(numbers(breaker), fault, REFUSALS, None)


def test_a_disk_that_fails(breaker: Breaker) -> None:
    breaker.refuse(numbers(breaker), errno.EIO, REFUSALS, FAILING)
