"""Threads and processes that compile at a time, while what they compiled is evicted, damaged and removed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from executor.native.compiler_load import KEPT_FUNCTIONS

ROOT = Path(__file__).parents[3]
PATHS = os.pathsep.join([str(ROOT / "tests"), str(ROOT)])


@pytest.mark.skipif(sys.platform != "linux", reason="counts what Linux says of a process")
def test_every_result_is_right_and_nothing_is_held_that_was_evicted(tmp_path: Path) -> None:
    directory = tmp_path / "kernels"
    directory.mkdir(mode=0o700)
    commands = [[sys.executable, "-m", "executor.native.compiler_load", str(directory), str(seed)] for seed in (1, 100)]
    environment = {**os.environ, "PYTHONPATH": PATHS}
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for command in commands
    ]
    try:
        ended = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    for process, (output, errors) in zip(processes, ended, strict=True):
        assert process.returncode == 0, errors
        counted = json.loads(output)
        assert counted["wrong"] == 0
        assert counted["other_warnings"] == []
        assert counted["compiled"] > 3 * counted["once"]  # so it was evicted, again and again
        assert counted["damaged"] > 0
        assert counted["loaded"] <= KEPT_FUNCTIONS + 1  # and the driver, which all programs hold
        (maps_before, maps_after), (files_before, files_after) = counted["maps"], counted["files"]
        assert maps_after <= maps_before + 30  # hundreds of kernels were linked meanwhile
        assert files_after <= files_before + 1  # the one that is being damaged
