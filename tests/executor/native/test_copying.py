"""Arrays are copied whole, however they are divided, and nothing beside them."""

import sys

import numpy as np
import pytest

from asg_executor.engines.engine import Engine
from asg_executor.engines.native.native_engine import NativeEngine
from asg_executor.engines.numpy_engine import NumpyEngine
from asg_executor.plan.arrays import Array
from executor.native.guarded import Guarded

SIZES = [0, 1, 4095, 4096, 4097, 100_000, 1_000_001]


@pytest.mark.parametrize("engine", [NativeEngine(), NumpyEngine()], ids=["native", "numpy"])
def test_each_target_becomes_what_its_source_is_at_the_call(engine: Engine) -> None:
    pairs = [(np.zeros(size, np.uint8), np.zeros(size, np.uint8)) for size in SIZES]
    copy = engine.copier(pairs)
    for seed in range(2):
        for _, source in pairs:
            source[...] = np.random.default_rng(seed).integers(0, 256, source.size, np.uint8)
        copy()
        assert all(np.array_equal(target, source) for target, source in pairs)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is protected otherwise there")
@pytest.mark.parametrize("end", [False, True])
def test_nothing_is_read_or_written_beside_the_arrays(end: bool) -> None:
    def at_the_border(size: int) -> Array:
        return Guarded(size, end=end).array(np.ones(size, np.uint8))

    pairs = [(at_the_border(size), at_the_border(size)) for size in SIZES if size]
    NativeEngine().copier(pairs)()
