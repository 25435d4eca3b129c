"""Random bits and step keys are JAX's, bit for bit."""

from collections.abc import Iterator

import jax
import numpy as np
import pytest

import asg_executor
from asg_executor.sessions.random_keys import step_key
from asg_schema.ops.random import RngBits
from op_samples.sample import Array, Sample, sample_document

KEYS = [(0, 0), (0, 1), (0x13198A2E, 0x03707344), (0xFFFFFFFF, 0xFFFFFFFF)]


@pytest.fixture(autouse=True)
def partitionable() -> Iterator[None]:
    with jax.threefry_partitionable(True):
        yield


def bits(key: tuple[int, int], shape: tuple[int, ...]) -> Array:
    operands = (np.array(key, np.uint32),)
    sample = Sample("rng_bits.jax", RngBits, operands, {"shape": shape}, lambda key: np.zeros(shape, np.uint32))
    return asg_executor.run(sample_document(sample), {"x0": operands[0]})["y0"]


def jax_key(key: tuple[int, int]) -> jax.Array:
    return jax.random.wrap_key_data(np.array(key, np.uint32), impl="threefry2x32")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5), (2, 0), (4, 1, 33), (100_003,)])
def test_bits(key: tuple[int, int], shape: tuple[int, ...]) -> None:
    expected = jax.random.bits(jax_key(key), shape, "uint32")
    np.testing.assert_array_equal(bits(key, shape), np.asarray(expected))


@pytest.mark.parametrize("seed", [0, 1, 42, 2**31, 2**32 - 1])
@pytest.mark.parametrize("step", [0, 1, 2, 1000, 2**31])
def test_step_keys_are_folded_in(seed: int, step: int) -> None:
    key = jax_key((seed >> 32, seed & 0xFFFFFFFF))
    expected = jax.random.key_data(jax.random.fold_in(key, step))
    np.testing.assert_array_equal(step_key(seed, step), np.asarray(expected))


def test_seed_of_a_session_is_the_seed_of_a_jax_key() -> None:
    expected = jax.random.key_data(jax.random.key(42, impl="threefry2x32"))
    np.testing.assert_array_equal([42 >> 32, 42], np.asarray(expected))
