"""What is trained in the examples and timed by the benchmarks goes with the native engine as it does with NumPy's, and
to the bit the same every time: in another process, with compiled kernels or without, whatever else the machine does.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from executor.native.agreement import difference
from executor.native.trajectories import EXAMPLES, TRAJECTORIES, Trajectory
from op_samples.comparing import largest_magnitude

OF_LOSSES, OF_STATE = 1e-5, 1e-4
"""How far engines may differ: in a loss relative to it or to a thousandth of the first, in the state relative to the
largest element of an array. Float32 has 1.2e-7.
"""

REPEATED = ("digits", "cnn_digits", "tiny_gpt", "MLP", "CNN")
COMPILED_ANEW = ("cnn_digits", "tiny_gpt")
ROOT = Path(__file__).parents[3]


@cache
def trajectory(name: str) -> Trajectory:
    return TRAJECTORIES[name]()


@cache
def first_digest(name: str) -> str:
    return trajectory(name).digest()


def test_every_example_is_among_them() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} <= TRAJECTORIES.keys()


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_losses_and_states_are_those_of_the_numpy_engine(name: str) -> None:
    made = trajectory(name)
    reference, native = made.session("numpy"), made.session("native")
    expected = [float(reference.step(batch)["loss"]) for batch in made.batches]
    actual = [float(native.step(batch)["loss"]) for batch in made.batches]
    np.testing.assert_allclose(actual, expected, rtol=OF_LOSSES, atol=OF_LOSSES * expected[0] / 1000)
    assert expected[-1] < 0.9 * expected[0]
    found = native.state()
    for array, wanted in reference.state().items():
        off, scale = difference(found[array], wanted), largest_magnitude(wanted)
        if name == "tiny_gpt" and array.endswith("in_proj_bias"):
            # A bias of all keys changes no attention. Its gradient is nothing but rounding, which AdamW divides by its
            # own size.
            third = len(wanted) // 3
            off = max(difference(found[array][part], wanted[part]) for part in np.s_[:third, 2 * third :])
        assert off <= OF_STATE * scale, f"{array}: off by {off}, the largest is {scale}"


@pytest.mark.parametrize("name", REPEATED)
def test_the_same_bits_beside_other_sessions(name: str) -> None:
    expected = first_digest(name)
    other = trajectory("small block")
    session = other.session("native")
    ended, stepped = Event(), Event()

    def step() -> None:
        while not ended.is_set():
            session.step(other.batches[0])
            stepped.set()

    thread = Thread(target=step)
    thread.start()
    try:
        assert stepped.wait(60)
        assert trajectory(name).digest() == expected
    finally:
        ended.set()
        thread.join(60)
    assert not thread.is_alive()


def test_the_same_bits_in_other_processes_that_compile_or_read_their_kernels(tmp_path: Path) -> None:
    expected = "".join(f"{name}\t{first_digest(name)}\n" for name in COMPILED_ANEW)
    environment = {
        **os.environ,
        "ASG_KERNEL_CACHE": str(tmp_path / "kernels"),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT)]),
    }
    command = [sys.executable, "-m", "executor.native.trajectories", *COMPILED_ANEW]
    compiled: list[int] = []
    for _ in range(2):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
        assert (done.returncode, done.stdout) == (0, expected), done.stderr
        compiled.append(len(list((tmp_path / "kernels").iterdir())))
    assert compiled[0] > 50
    assert compiled[1] == compiled[0]
