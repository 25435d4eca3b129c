"""A server that is killed again and again, at random moments and before random file operations, keeps its promises."""

from pathlib import Path

from fault_harness.extent import ROUNDS
from fault_harness.killing import kill_again_and_again


def test_no_kill_loses_or_repeats_a_step(tmp_path: Path) -> None:
    print(kill_again_and_again(tmp_path, ROUNDS, seed=0))
