"""Memory in huge pages: the bytes that were asked for, zeros, wherever the system has them from."""

import gc
import mmap
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from asg_executor import huge_pages
from asg_executor.huge_pages import zero_bytes, zeros
from asg_executor.plan.arrays import Array

PAGE = 2 * 2**20


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


@pytest.mark.parametrize("size", [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 12345])
def test_all_bytes_are_there_and_zero(size: int) -> None:
    memory = zero_bytes(size)
    assert memory.shape == (size,)
    assert not memory.any()
    memory[...] = 255
    assert (memory == 255).all()


@pytest.mark.parametrize("dtype", [np.float64, np.int8, np.bool_, ml_dtypes.bfloat16])
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (1024, 1500), 3_000_000])
def test_arrays_are_those_of_numpy(shape: int | tuple[int, ...], dtype: type[Any]) -> None:
    array = zeros(shape, np.dtype(dtype))
    expected: Array = np.zeros(shape, dtype)
    assert array.dtype == expected.dtype
    assert array.flags.c_contiguous
    np.testing.assert_array_equal(array, expected)
    assert array.flags.writeable


@pytest.mark.skipif(not hasattr(mmap, "MADV_HUGEPAGE"), reason="the system has no huge pages")
def test_what_fills_a_huge_page_begins_with_one() -> None:
    assert zero_bytes(PAGE).ctypes.data % PAGE == 0
    assert zeros((PAGE // 4,), np.dtype(np.float32)).ctypes.data % PAGE == 0


def test_a_system_without_huge_pages_gives_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huge_pages, "_ADVICE", None)
    assert zero_bytes(2 * PAGE).sum() == 0


def test_a_kernel_without_huge_pages_gives_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huge_pages, "_ADVICE", 12345)  # refused with EINVAL, as MADV_HUGEPAGE is there
    assert zero_bytes(2 * PAGE).sum() == 0


@pytest.mark.parametrize("size", [2**50, 2**62, 2**70])
def test_more_than_there_is_is_refused(size: int) -> None:
    with pytest.raises(MemoryError, match="more than this machine can provide"):
        zero_bytes(size)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell what a process holds")
def test_memory_goes_back_with_the_last_view() -> None:
    memory = zero_bytes(32 * PAGE)
    memory.fill(1)
    view = memory[5:100]
    del memory
    held = resident_bytes()
    del view
    gc.collect()
    assert resident_bytes() < held - 16 * PAGE
