"""Many sessions and clients, and a server that is killed at the end; `make faults` has a thousand sessions."""

from pathlib import Path

from fault_harness.load import load


def test_no_acknowledged_step_is_lost_under_load(tmp_path: Path) -> None:
    seen = load(tmp_path, sessions=60, clients=8, seconds=2.0)
    assert seen.statuses[200] > 0, seen.summary()
    assert len(seen.steps) == 60
