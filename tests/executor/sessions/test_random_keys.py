"""The keys of `rng_key` inputs: as documented, and never the same in two steps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_executor.sessions.random_keys import step_key
from op_samples.threefry import threefry_2x32

SEEDS = st.integers(0, 2**64 - 1)
STEPS = st.integers(0, 2**40)


def block(key: tuple[int, int], counter: int) -> tuple[int, int]:
    return threefry_2x32(key, (counter >> 32, counter & 0xFFFFFFFF))


@given(SEEDS, STEPS, st.integers(1, 5))
def test_keys_follow_the_documented_recipe(seed: int, step: int, index: int) -> None:
    first = block((seed >> 32, seed & 0xFFFFFFFF), step)
    assert tuple(step_key(seed, step).tolist()) == first
    assert tuple(step_key(seed, step, index).tolist()) == block(first, index)


@given(SEEDS, STEPS, STEPS)
def test_two_steps_have_two_keys(seed: int, one: int, other: int) -> None:
    assert (step_key(seed, one).tolist() == step_key(seed, other).tolist()) == (one == other)


def test_a_key_is_uint32_2() -> None:
    key = step_key(5, 7)
    assert key.shape == (2,)
    assert key.dtype == np.uint32


@pytest.mark.parametrize(
    ("seed", "step", "expected"),
    # jax.random.key_data(jax.random.fold_in(jax.random.key(seed), step)), JAX 0.10.
    [(0, 0, (1797259609, 2579123966)), (0, 1, (928981903, 3453687069)), (42, 1000, (3383801349, 143359933))],
)
def test_jax_agrees(seed: int, step: int, expected: tuple[int, int]) -> None:
    assert tuple(step_key(seed, step).tolist()) == expected
