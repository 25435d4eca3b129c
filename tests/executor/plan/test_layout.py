"""Layouts follow NumPy: the same view of the same memory, and a copy just where NumPy needs one."""

from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from asg_executor.engines.memory import strided
from asg_executor.plan.layout import Layout, contiguous, merge_axes


def view(layout: Layout, line: np.ndarray) -> np.ndarray:
    return strided(line, layout.shape, layout.strides, layout.offset)


def random_view(random: Random, array: np.ndarray, layout: Layout) -> tuple[np.ndarray, Layout]:
    """One random view of an array, and the layout that should be the same."""
    rank = array.ndim
    kind = random.randrange(4)
    if kind == 0:
        axes = random.sample(range(rank), rank)
        return array.transpose(axes), layout.permute(axes)
    if kind == 1:
        axes = random.sample(range(rank), random.randint(0, rank))
        return np.flip(array, tuple(axes)), layout.flip(axes)
    if kind == 2 and array.size < 1000:
        shape = (random.randint(1, 3), *(random.randint(1, 3) if size == 1 else size for size in array.shape))
        return np.broadcast_to(array, shape), layout.broadcast(shape)
    start = [random.randint(0, size) for size in array.shape]
    stop = [random.randint(a, size) for a, size in zip(start, array.shape, strict=True)]
    step = [random.randint(1, 3) for _ in array.shape]
    index = tuple(slice(a, b, s) for a, b, s in zip(start, stop, step, strict=True))
    return array[(*index, ...)], layout.slice(start, stop, step)


@settings(max_examples=400)
@given(random=st.randoms(use_true_random=False), shape=st.lists(st.integers(1, 5), max_size=4))
def test_views_are_those_of_numpy(random: Random, shape: list[int]) -> None:
    line = np.arange(int(np.prod(shape)), dtype=np.int64)
    array, layout = line.reshape(shape), contiguous("x", tuple(shape))
    for _ in range(random.randint(0, 4)):
        array, layout = random_view(random, array, layout)
        np.testing.assert_array_equal(view(layout, line), array)
    target = (-1, 1) if random.random() < 0.5 else tuple(random.sample(array.shape, array.ndim))
    if array.size:
        wanted = array.reshape(target)
        found = layout.reshape(wanted.shape)
        if found is None:
            assert not np.shares_memory(wanted, array), "NumPy has a view here"
        else:
            np.testing.assert_array_equal(view(found, line), wanted)


def test_contiguous_means_row_major_without_gaps() -> None:
    layout = contiguous("x", (2, 3, 4))
    assert layout.is_contiguous
    assert not layout.permute((0, 2, 1)).is_contiguous
    assert layout.slice((1, 0, 0), (2, 3, 4), (1, 1, 1)).is_contiguous
    assert not layout.slice((0, 0, 0), (2, 3, 2), (1, 1, 1)).is_contiguous
    assert contiguous("x", (2, 1, 4)).permute((1, 0, 2)).is_contiguous


def test_axes_merge_only_where_all_layouts_allow_it() -> None:
    full, rows, bias = contiguous("x", (2, 3, 4)), contiguous("m", (2, 3, 1)), contiguous("b", (4,))
    assert merge_axes([full]) == [(24, (1,))]
    assert merge_axes([full, bias.broadcast((2, 3, 4))]) == [(6, (4, 0)), (4, (1, 1))]
    assert merge_axes([full, rows.broadcast((2, 3, 4))]) == [(6, (4, 1)), (4, (1, 0))]
    assert merge_axes([full, full.permute((1, 0, 2)).reshape((3, 2, 4)) or full])[-1] != (24, (1, 1))
