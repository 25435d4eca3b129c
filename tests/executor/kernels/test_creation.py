"""Counting, at its edges."""

import numpy as np
import pytest

from asg_executor.engines.numpy_engine import NumpyEngine
from asg_schema.document import Document


def iota(dtype: str, shape: list[int], axis: int = 0) -> Document:
    return Document.from_dict(
        {
            "asg": 1,
            "nodes": [{"id": "y", "op": "iota", "dtype": dtype, "shape": shape, "axis": axis}],
            "outputs": [{"name": "y", "value": "y"}],
        }
    )


@pytest.mark.parametrize("length", [65_536, 200_000])
def test_a_count_beyond_the_range_of_a_half_float_is_inf(length: int) -> None:
    counted = NumpyEngine().compile(iota("float16", [length]), {})({})["y"]
    np.testing.assert_array_equal(counted[65_519:65_521].astype(float), [65504, np.inf])
    assert np.isinf(counted[65_520:]).all()


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_a_large_count_runs_along_its_axis(axis: int) -> None:
    document = iota("int32", [200_000, 2] if axis == 0 else [2, 200_000], axis)
    counted = NumpyEngine().compile(document, {})({})["y"]
    line = np.arange(200_000)
    np.testing.assert_array_equal(counted, np.stack([line, line], axis=1 if axis == 0 else 0))


def test_a_count_without_elements_takes_no_memory() -> None:
    executable = NumpyEngine().compile(iota("float32", [0, 2**40], 1), {}, memory_limit=10**6)
    assert executable({})["y"].shape == (0, 2**40)
