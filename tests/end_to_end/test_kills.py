"""A server that is killed keeps its promises; `make faults` kills one 200 times."""

from pathlib import Path

from fault_harness.killing import kill_again_and_again


def test_no_kill_loses_or_repeats_a_step(tmp_path: Path) -> None:
    assert kill_again_and_again(tmp_path, rounds=2, seed=1).startswith("2 kills")
