"""Every harm to every file of a data directory, again and again: all is as it was, or the file is named."""

import random
from pathlib import Path

from fault_harness.damage import HARMS, Damaged, files_of
from fault_harness.extent import ROUNDS


def test_no_harm_to_a_file_goes_unnoticed(tmp_path: Path) -> None:
    directory, chance = Damaged(tmp_path), random.Random(0)
    found: dict[str, list[str]] = {name: [] for name in HARMS}
    for _ in range(max(ROUNDS // 50, 1)):
        for file in files_of(directory.whole):
            for name, harm in HARMS.items():
                found[name].append(directory.harm(file, harm, chance))
    for name, said in found.items():
        print(f"{name}: {len(said)} times, {sum(not item for item in said)} of them without any loss")
