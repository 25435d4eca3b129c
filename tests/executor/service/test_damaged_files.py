"""A harm to any file is noticed: all is as it was, or what is damaged is named. `make faults` tries many more."""

import random

import pytest

from fault_harness.damage import HARMS, Damaged, files_of

SAID = {
    "session.json": "session.json",
    ".log": "log",
    "acknowledged": "",
    "asg.sqlite3": "",
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Damaged:
    return Damaged(tmp_path_factory.mktemp("damage"))


@pytest.mark.parametrize("ending", SAID)
def test_harm_to_a_file_is_noticed(directory: Damaged, ending: str) -> None:
    chance = random.Random(ending)
    file = [path for path in files_of(directory.whole) if path.name.endswith(ending)][-1]
    for name in ("a flipped bit", "a lost end", "no content", "a missing file"):
        said = directory.harm(file, HARMS[name], chance)
        assert SAID[ending] in said, (name, said)


def test_a_damaged_snapshot_loses_nothing_while_there_is_an_older_one(directory: Damaged) -> None:
    chance = random.Random(0)
    newest = [path for path in files_of(directory.whole) if "/snapshots/" in str(path) and "00002-" in str(path)]
    assert len(newest) == 8
    for file in newest[:4]:
        assert directory.harm(file, HARMS["a flipped bit"], chance) == ""
