"""A process that is killed, or a power that fails, at any file operation leaves a session as before or as after it.

A few operations of each case; `make faults` tries all of them.
"""

import errno
from pathlib import Path

import pytest

from fault_harness.breaking import REFUSALS, Breaker
from fault_harness.cases import CASES

FEW = {
    "step": (5,),
    "step with a snapshot": (30,),
    "first step in mixed precision, which is skipped": (-3,),
    "steps in mixed precision with a snapshot": (8, -6),
    "creation": (25, -1),
    "deletion": (5,),
    "parameters": (-8,),
    "removed checkpoint": (-1,),
    "checkpoint in the place of another": (-5, -4, -1),
    "start after a torn write": (-1,),
    "step of parts": (-4,),
    "data set": (-3,),
    "export": (-5,),
}


def numbers(breaker: Breaker, chosen: tuple[int, ...]) -> list[int]:
    count = len(breaker.operations)
    return [number % count for number in chosen]


@pytest.mark.parametrize("name", FEW)
def test_a_process_that_is_killed(tmp_path: Path, name: str) -> None:
    breaker = Breaker(CASES[name], tmp_path)
    assert breaker.crash(numbers(breaker, FEW[name])) == len(FEW[name])


@pytest.mark.parametrize("name", ["creation", "deletion"])
def test_a_power_that_fails(tmp_path: Path, name: str) -> None:
    breaker = Breaker(CASES[name], tmp_path)
    assert breaker.lose_power(numbers(breaker, FEW[name]), None) == len(FEW[name])


@pytest.mark.parametrize("name", ["step", "step with a snapshot", "creation"])
def test_a_disk_that_is_full(tmp_path: Path, name: str) -> None:
    breaker = Breaker(CASES[name], tmp_path)
    last_write = max(number for number, item in enumerate(breaker.operations) if item.startswith("write "))
    assert breaker.refuse([last_write], errno.ENOSPC, REFUSALS, None) == 1
