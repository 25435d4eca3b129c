import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_executor.plan.arena import ALIGNMENT, Arena


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5)), max_size=60))
def test_ranges_that_are_out_never_overlap_and_are_aligned(requests: list[tuple[int, int]]) -> None:
    arena = Arena()
    out: dict[int, int] = {}
    for size, victim in requests:
        begin = arena.allocate(size)
        assert begin % ALIGNMENT == 0
        assert all(begin + size <= other or other + length <= begin for other, length in out.items())
        assert begin not in out
        assert begin + size <= arena.size
        out[begin] = size
        if victim < len(out) and victim % 2:
            freed = list(out)[victim]
            arena.free(freed)
            del out[freed]


def test_the_smallest_hole_that_fits_is_taken() -> None:
    arena = Arena()
    large, _, small, _ = (arena.allocate(size) for size in (640, 64, 128, 64))
    arena.free(large)
    arena.free(small)
    assert arena.allocate(100) == small
    assert arena.allocate(600) == large


def test_neighbouring_holes_become_one_and_the_last_one_grows() -> None:
    arena = Arena()
    ranges = [arena.allocate(64) for _ in range(3)]
    for begin in (ranges[1], ranges[0], ranges[2]):
        arena.free(begin)
    assert arena.size == 192
    assert arena.allocate(256) == 0
    assert arena.size == 256


def test_a_range_that_is_not_out_cannot_be_taken_back() -> None:
    with pytest.raises(KeyError):
        Arena().free(0)


def test_many_holes_that_do_not_fit_cost_nothing() -> None:
    """Looking at each of them for each range would take minutes."""
    arena, count = Arena(), 30_000
    ranges = [arena.allocate(64 + 64 * (index % 3)) for index in range(2 * count)]
    for begin in ranges[::2]:
        arena.free(begin)
    end = arena.size
    assert [arena.allocate(640) for _ in range(count)] == [end + 640 * index for index in range(count)]
