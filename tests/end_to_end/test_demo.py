"""`asg demo` as a user types it."""

import itertools
import os
import re
import subprocess
import sys

COMMAND = [sys.executable, "-c", "from asg_schema.cli import main; main()", "demo"]


def test_the_demo_trains_a_block_in_another_process() -> None:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert errors == ""
    assert "\x1b" not in output  # plain when piped

    forward = re.search(r"^Forward +(\d+) nodes, 12 parameters \((\d+) weights\)$", output, re.MULTILINE)
    gradient = re.search(r"^Gradient +(\d+) nodes", output, re.MULTILINE)
    executor = re.search(r"^Executor +process (\d+) at (http://127\.0\.0\.1:\d+)$", output, re.MULTILINE)
    assert forward is not None
    assert gradient is not None
    assert executor is not None
    dim, inner = 16, 64
    weights = 4 * dim + 4 * (dim * dim + dim) + (inner * dim + inner) + (dim * inner + dim)
    assert int(forward[2]) == weights
    assert int(gradient[1]) > int(forward[1]) > 10
    assert int(executor[1]) != process.pid
    assert not is_running(int(executor[1]))

    epochs = re.findall(r"^Epoch (\d+), loss (\S+)$", output, re.MULTILINE)
    assert [int(number) for number, _ in epochs] == list(range(1, 16))
    losses = [float(loss) for _, loss in epochs]
    assert all(later < earlier for earlier, later in itertools.pairwise(losses))
    assert losses[-1] < losses[0] / 3


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
