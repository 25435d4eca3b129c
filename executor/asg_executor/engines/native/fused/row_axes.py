"""`row_axes`: which axes make up the row of a kernel where nothing else decides it."""

from collections.abc import Sequence

__all__ = ["row_axes"]

_NARROW = 16  # elements: the innermost axis alone is too short a loop


def row_axes(sizes: Sequence[int]) -> int:
    """How many of the last axes make up the row: one, or more where that is short.

    0 where all is one line, which the loop over the units runs along itself.

    Args:
        sizes: of the axes, those merged that can be.
    """
    if len(sizes) <= 1:
        return 0
    count, size = 1, sizes[-1]
    while size < _NARROW and count < len(sizes) - 1:
        count += 1
        size *= sizes[-count]
    return count
