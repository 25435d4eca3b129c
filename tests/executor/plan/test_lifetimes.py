"""Where buffers lie: never two in one place at a time, and hardly ever more memory than is needed at one time."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, nn
from asg_builder.tensor import Tensor
from asg_executor.engines.native.native_engine import NativeEngine
from asg_executor.engines.numpy_engine import NumpyEngine
from asg_executor.engines.planned_engine import PlannedEngine
from asg_executor.plan.arena import ALIGNMENT
from asg_executor.plan.lifetimes import Buffer, arrange
from asg_executor.plan.liveness import live_bytes

lives = st.tuples(st.integers(0, 5000), st.integers(-1, 30), st.integers(0, 10))


def needed(buffers: list[Buffer]) -> int:
    """The most bytes that are needed at one time, each buffer in whole lines."""
    sizes = [max(-(-buffer.size // ALIGNMENT), 1) * ALIGNMENT for buffer in buffers]
    times = {buffer.first for buffer in buffers}
    return max(
        (
            sum(size for size, (_, first, last) in zip(sizes, buffers, strict=True) if first <= time <= last)
            for time in times
        ),
        default=0,
    )


@given(st.lists(lives, max_size=40))
def test_what_is_needed_at_the_same_time_lies_apart(drawn: list[tuple[int, int, int]]) -> None:
    buffers = [Buffer(size, first, first + length) for size, first, length in drawn]
    begins, size = arrange(buffers)
    ends = [begin + max(buffer.size, 1) for begin, buffer in zip(begins, buffers, strict=True)]
    for one, a in enumerate(buffers):
        assert begins[one] % ALIGNMENT == 0
        assert ends[one] <= size
        for other, b in enumerate(buffers[:one]):
            if a.first <= b.last and b.first <= a.last:
                assert ends[one] <= begins[other] or ends[other] <= begins[one]
    assert needed(buffers) <= size <= 2 * needed(buffers)


def test_a_gap_that_placing_in_time_leaves_is_filled() -> None:
    # In time, the small one keeps the large ones from growing into each other's place.
    buffers = [Buffer(640, 0, 1), Buffer(64, 1, 3), Buffer(1280, 2, 3)]
    assert arrange(buffers).size == 1344


def test_many_buffers_are_arranged_in_a_moment() -> None:
    rng = np.random.default_rng(0)
    firsts = np.sort(rng.integers(0, 100_000, 20_000))
    buffers = [
        Buffer(int(size), int(first), int(first) + 5)
        for size, first in zip(rng.integers(1, 9999, 20_000), firsts, strict=True)
    ]
    begins, size = arrange(buffers)
    assert len(begins) == len(buffers)
    assert size <= 3 * needed(buffers[:2000])


def perceptron() -> Tensor:
    return nn.Sequential(nn.Linear(100, 80), nn.ReLU(), nn.Linear(80, 10))(asg.input("x", (64, 100)))


def transformer() -> Tensor:
    return nn.Sequential(*(nn.TransformerBlock(64, 4, 256) for _ in range(2)))(asg.input("x", (4, 32, 64)))


def convolutional() -> Tensor:
    first = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    second = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(first, second)(asg.input("x", (16, 1, 28, 28)))


@pytest.mark.parametrize("engine", [NativeEngine(), NumpyEngine()], ids=["native", "numpy"])
@pytest.mark.parametrize("network", [perceptron, transformer, convolutional])
def test_the_arena_is_hardly_larger_than_what_lives_at_one_time(
    network: Callable[[], Tensor], engine: PlannedEngine
) -> None:
    with asg.graph("network") as g:
        y = network()
        g.output(loss=losses.mse(y, asg.zeros_like(y)))
    plan = engine.plan(grad(g.document(), of="loss"), {})
    assert plan.arena_bytes <= 1.1 * live_bytes(plan)
