"""How an axis is divided into blocks where the other axes have too few places to divide the work."""

__all__ = ["block_length"]

_LINE = 16  # elements: about a line of the cache, which two threads should not write at a time


def block_length(size: int, stride: int, others: int, threads: int) -> int:
    """How many places along an axis a block has: all, unless there are fewer other places than threads.

    Args:
        size: of the axis.
        stride: along it, of what is written.
        others: how many places the other axes have.
        threads: for how many threads there should be work.
    """
    if others >= threads:
        return size
    length = -(-size // threads)
    return min(size, -(-length // _LINE) * _LINE) if stride == 1 else length
