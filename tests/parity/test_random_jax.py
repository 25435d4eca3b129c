"""Random bits, step keys and uniform numbers are JAX's, bit for bit; other draws within rounding."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest
from scipy import special

import asg_executor
from asg_executor.sessions.random_keys import step_key
from asg_schema.composites.random_distributions import Bernoulli, Categorical, Normal, Uniform
from asg_schema.dtype import DType
from asg_schema.op import Op
from asg_schema.ops.random import RngBits
from op_samples.sample import Array, Sample, array_dtype, sample_document

DTYPES = [dtype for dtype in DType if dtype.is_floating]
KEYS = [(0, 0), (0, 1), (0x13198A2E, 0x03707344), (0xFFFFFFFF, 0xFFFFFFFF)]


@pytest.fixture(autouse=True)
def partitionable() -> Iterator[None]:
    with jax.threefry_partitionable(True):
        yield


def draw(op: type[Op], key: tuple[int, int], *operands: Array, **attributes: Any) -> Array:
    given = (np.array(key, np.uint32), *operands)
    document = sample_document(Sample(f"{op.name}.jax", op, given, attributes, lambda: np.zeros(())))
    return asg_executor.run(document, {f"x{index}": operand for index, operand in enumerate(given)})["y0"]


def jax_key(key: tuple[int, int]) -> jax.Array:
    return jax.random.wrap_key_data(np.array(key, np.uint32), impl="threefry2x32")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5), (2, 0), (4, 1, 33), (100_003,)])
def test_bits(key: tuple[int, int], shape: tuple[int, ...]) -> None:
    expected = jax.random.bits(jax_key(key), shape, "uint32")
    np.testing.assert_array_equal(draw(RngBits, key, shape=shape), np.asarray(expected))


@pytest.mark.parametrize("seed", [0, 1, 42, 2**31, 2**32 - 1])
@pytest.mark.parametrize("step", [0, 1, 2, 1000, 2**31])
def test_step_keys_are_folded_in(seed: int, step: int) -> None:
    key = jax_key((seed >> 32, seed & 0xFFFFFFFF))
    expected = jax.random.key_data(jax.random.fold_in(key, step))
    np.testing.assert_array_equal(step_key(seed, step), np.asarray(expected))


def test_seed_of_a_session_is_the_seed_of_a_jax_key() -> None:
    expected = jax.random.key_data(jax.random.key(42, impl="threefry2x32"))
    np.testing.assert_array_equal([42 >> 32, 42], np.asarray(expected))


@pytest.mark.parametrize("key", KEYS)
def test_both_words_are_the_bits_of_64(key: tuple[int, int]) -> None:
    first, second = (draw(RngBits, key, shape=(5, 7), word=word).astype(np.uint64) for word in ("first", "second"))
    with jax.enable_x64(True):
        expected = np.asarray(jax.random.bits(jax_key(key), (5, 7), "uint64"))
    np.testing.assert_array_equal(first << 32 | second, expected)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (7,), (3, 0), (4, 1, 33), (20_011,)])
def test_uniform(key: tuple[int, int], dtype: DType, shape: tuple[int, ...]) -> None:
    with jax.enable_x64(True):
        expected = np.asarray(jax.random.uniform(jax_key(key), shape, array_dtype(dtype)))
    np.testing.assert_array_equal(draw(Uniform, key, shape=shape, dtype=dtype), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (0.1, 0.7), (-3e4, 2e4), (5.0, 5.0)])
def test_uniform_between_bounds(dtype: DType, bounds: tuple[float, float]) -> None:
    low, high = bounds
    with jax.enable_x64(True):
        expected = np.asarray(jax.random.uniform(jax_key((1, 2)), (9973,), array_dtype(dtype), low, high), np.float64)
    actual = draw(Uniform, (1, 2), shape=(9973,), dtype=dtype, low=low, high=high).astype(np.float64)
    assert np.all((in_dtype(low, dtype) <= actual) & (actual <= in_dtype(high, dtype)))
    # JAX rounds each step in the narrow dtypes, and the compiler may leave out a rounding in the others.
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2 * 2.0 ** (1 - dtype.precision) * max(-low, high))


def in_dtype(bound: float, dtype: DType) -> float:
    """A bound as a number of the dtype."""
    return float(np.array(bound).astype(array_dtype(dtype)))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_normal(key: tuple[int, int], dtype: DType) -> None:
    with jax.enable_x64(True):
        expected = np.asarray(jax.random.normal(jax_key(key), (3, 6007), array_dtype(dtype)), np.float64)
    actual = draw(Normal, key, shape=(3, 6007), dtype=dtype).astype(np.float64)
    eps = 2.0 ** (1 - dtype.precision)
    # JAX's inverse error function errs by up to 36 eps in float32 and 560 in float64 (SciPy's agrees with mpmath's).
    np.testing.assert_allclose(actual, expected, rtol=(1024 if dtype is DType.FLOAT64 else 64) * eps)
    v = 2 * draw(Uniform, key, shape=(3, 6007), dtype=dtype).astype(np.float64) - (1 - eps / 2)
    np.testing.assert_allclose(actual, np.sqrt(2) * special.erfinv(v), rtol=4 * eps)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.FLOAT64])
@pytest.mark.parametrize("shape", [None, (5, 3, 401), (401,)])
def test_bernoulli(key: tuple[int, int], dtype: DType, shape: tuple[int, ...] | None) -> None:
    p = np.linspace(-0.1, 1.1, 401).astype(array_dtype(dtype))
    with jax.enable_x64(True):
        expected = np.asarray(jax.random.bernoulli(jax_key(key), p, shape))
    np.testing.assert_array_equal(draw(Bernoulli, key, p, shape=shape), expected)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.FLOAT64])
@pytest.mark.parametrize(
    ("logits_shape", "axis", "shape"),
    [((500, 6), -1, None), ((6, 500), 0, None), ((1, 6), 1, (900,)), ((6,), 0, (40, 25)), ((3, 6, 1), -2, (7, 3, 50))],
)
def test_categorical(
    key: tuple[int, int], dtype: DType, logits_shape: tuple[int, ...], axis: int, shape: tuple[int, ...] | None
) -> None:
    logits = np.random.default_rng(3).standard_normal(logits_shape).astype(array_dtype(dtype))
    with jax.enable_x64(True):
        expected = np.asarray(jax.random.categorical(jax_key(key), logits, axis, shape))
    # Equal although the noise is so up to rounding only: no two classes are that near in these draws.
    np.testing.assert_array_equal(draw(Categorical, key, logits, axis=axis, shape=shape), expected)
