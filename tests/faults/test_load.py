"""A thousand sessions and 32 clients for a minute: each answer is a foreseen one, and no acknowledged step is lost."""

from pathlib import Path

from fault_harness.extent import ROUNDS
from fault_harness.load import load


def test_a_thousand_sessions_and_32_clients(tmp_path: Path) -> None:
    seen = load(tmp_path, sessions=1000, clients=32, seconds=min(60.0, 0.3 * ROUNDS))
    print(seen.summary())
    assert seen.statuses[200] > 5 * ROUNDS
