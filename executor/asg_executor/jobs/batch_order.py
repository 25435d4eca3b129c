"""In which order a job goes through the rows of a data set.

Row numbers of epoch e, counted from 0, under the seed s: the permutation that NumPy's
`default_rng((s, e)).permutation(n)` gives, which executor/docs/jobs.md spells out for other languages. Batch b of the
epoch has the rows at the places b·size to (b + 1)·size - 1 of it, and its micro-batches have these in order.
"""

import numpy as np

from asg_executor.plan.arrays import Array

__all__ = ["batches_per_epoch", "epoch_order", "micro_batch_rows", "micro_batch_sizes"]


def epoch_order(length: int, seed: int | None, epoch: int) -> Array:
    """The numbers of the rows in their order, int64 [length].

    Args:
        length: how many rows there are.
        seed: what the order is made from; None for the order that they have.
        epoch: the epoch, from 0.
    """
    if seed is None:
        return np.arange(length)
    return np.random.default_rng((seed, epoch)).permutation(length)


def micro_batch_rows(rows: Array, count: int | None) -> list[Array]:
    """The rows of each micro-batch of a batch, as NumPy's `array_split` divides them.

    Args:
        rows: the numbers of the batch's rows.
        count: how many micro-batches a batch has that has so many rows; None for one.
    """
    return [rows] if count is None else np.array_split(rows, min(count, len(rows)))


def micro_batch_sizes(size: int, count: int | None) -> set[int]:
    """How many rows the micro-batches of a batch have.

    Args:
        size: how many the batch has, at least one.
        count: as for `micro_batch_rows`.
    """
    smaller, rest = divmod(size, min(count or 1, size))
    return {smaller + 1, smaller} if rest else {smaller}


def batches_per_epoch(length: int, size: int, *, drop_last: bool) -> int:
    """How many batches an epoch has.

    Args:
        length: how many rows there are.
        size: how many a batch has.
        drop_last: whether a last one that has fewer is left out.
    """
    whole, rest = divmod(length, size)
    return whole + (1 if rest and not drop_last else 0)
