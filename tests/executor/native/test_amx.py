"""How AMX's registers are configured; what they compute, the products' own tests tell."""

import struct
import sys

import pytest

from asg_executor.engines.native.amx import LEFT, RIGHT, SUMS, configuration, may_use_tiles


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 31, 32])
def test_a_register_has_the_rows_of_its_half_of_the_tile(rows: int) -> None:
    found = configuration(rows)
    palette, start = found[:2]
    widths, heights = struct.unpack_from("<8H", found, 16), found[48:56]
    halves = min(rows, 16), max(rows - 16, 0)
    assert (len(found), palette, start) == (64, 1, 0)
    for half, height in enumerate(halves):
        assert {heights[number] for number in (*SUMS[half], LEFT[half])} == {height}
        # A register has both rows and bytes, or neither: the processor refuses anything else.
        assert {widths[number] for number in (*SUMS[half], LEFT[half])} == {64 if height else 0}
    assert {(heights[number], widths[number]) for number in RIGHT} == {(16, 64)}
    assert sorted((*SUMS[0], *SUMS[1], *LEFT, *RIGHT)) == list(range(8))


def test_the_use_may_be_asked_for_again() -> None:
    assert may_use_tiles() == may_use_tiles()


def test_no_other_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert not may_use_tiles()
