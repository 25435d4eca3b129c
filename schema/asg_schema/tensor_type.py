"""The type of a value: its dtype and its shape."""

from typing import NamedTuple

from asg_schema.dims import Dim, element_count, format_shape
from asg_schema.dtype import DType

__all__ = ["MOST_AXES", "MOST_ELEMENTS", "TensorType"]

MOST_AXES = 64
"""A value has at most this many axes, as in NumPy."""

MOST_ELEMENTS = 2**63 - 1
"""A value has at most this many elements, a symbolic or empty axis counting as 1, so that every size is a dim."""


class TensorType(NamedTuple):
    """The dtype and shape of a value in a graph. The shape may hold symbolic dims."""

    dtype: DType
    shape: tuple[Dim, ...]

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Dim:
        """The number of elements."""
        return element_count(self.shape)

    @property
    def excess(self) -> str | None:
        """What of the shape is beyond the format's limits, as a message says it; None where nothing is."""
        if len(self.shape) > MOST_AXES:
            return f"{len(self.shape)} axes; at most {MOST_AXES} are allowed"
        count = 1
        for dim in self.shape:
            if isinstance(dim, int) and dim > 1:
                count *= dim
        return "more than 2**63 - 1 elements" if count > MOST_ELEMENTS else None

    def __str__(self) -> str:
        return f"{self.dtype.value}{format_shape(self.shape)}"
