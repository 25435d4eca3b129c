"""The type of a value: its dtype and its shape."""

from typing import NamedTuple

from asg_schema.dims import Dim, element_count, format_shape
from asg_schema.dtype import DType

__all__ = ["MOST_AXES", "TensorType"]

MOST_AXES = 64
"""A value has at most this many axes, as in NumPy."""


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

    def __str__(self) -> str:
        return f"{self.dtype.value}{format_shape(self.shape)}"
