"""The diagonal of the last two axes, and its adjoint, written so that sizes may be symbolic.

Padded with n zeros, the n² elements of a square matrix are those of a matrix of n rows and n + 1 columns, whose first
column is the diagonal.
"""

from asg_schema.editing import Value
from asg_schema.ops.layout import Pad, Reshape, Slice

__all__ = ["embed_diagonal", "take_diagonal"]


def take_diagonal(x: Value) -> Value:
    """The elements of x […, n, n] whose last two indices are equal: […, n]."""
    *batch, size, _ = x.shape
    zeros = (0,) * len(batch)
    flat = Reshape.of(x, shape=(*batch, size * size))
    if isinstance(size, int) and size:
        step = (*(1,) * len(batch), size + 1)
        return Slice.of(flat, start=(*zeros, 0), stop=flat.shape, step=step)
    padded = Pad.of(flat, low=(*zeros, 0), high=(*zeros, size))
    rows = Reshape.of(padded, shape=(*batch, size, size + 1))
    return Reshape.of(Slice.of(rows, start=(*zeros, 0, 0), stop=(*batch, size, 1)), shape=(*batch, size))


def embed_diagonal(x: Value) -> Value:
    """The elements of x […, n] on a diagonal, and zeros beside it: […, n, n]."""
    *batch, size = x.shape
    zeros = (0,) * len(batch)
    column = Reshape.of(x, shape=(*x.shape, 1))
    rows = Pad.of(column, low=(*zeros, 0, 0), high=(*zeros, 0, size))
    flat = Reshape.of(rows, shape=(*batch, size * (size + 1)))
    square = Slice.of(flat, start=(*zeros, 0), stop=(*batch, size * size))
    return Reshape.of(square, shape=(*batch, size, size))
