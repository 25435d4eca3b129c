"""`Body`: what a fused kernel computes, as a list of values.

A kernel runs over a *domain*: a number of units, each of which is a row of elements. A value is an *element* value,
which differs along the row, or a *row* value, of which there is one for each unit. Reductions run over the row, or, as
accumulations, over the units.
"""

from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from asg_schema.dtype import DType

__all__ = ["Accumulation", "Apply", "Body", "Literal", "Load", "Reduce", "Store", "Value"]


@dataclass(frozen=True, slots=True)
class Load:
    """An element of an array.

    Attributes:
        argument: the array, by its place among the kernel's arguments.
        dtype: the array's dtype.
        unit_strides: how many elements lie between neighbours along each axis of the units.
        row_strides: the same along each axis of the row.
    """

    argument: int
    dtype: DType
    unit_strides: tuple[int, ...]
    row_strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    """A number that is the same everywhere."""

    value: float | int | bool
    dtype: DType


@dataclass(frozen=True, slots=True)
class Apply:
    """A pointwise op.

    Attributes:
        op: the op's name.
        attributes: the op's attributes, by name.
        operands: earlier values, by their number.
        dtype: the result's.
    """

    op: str
    attributes: tuple[tuple[str, object], ...]
    operands: tuple[int, ...]
    dtype: DType


@dataclass(frozen=True, slots=True)
class Reduce:
    """The sum, product, maximum or minimum (`op`) of an element value over the row."""

    op: str
    operand: int
    dtype: DType


Value: TypeAlias = Load | Literal | Apply | Reduce


@dataclass(frozen=True, slots=True)
class Store:
    """A value that is written to an array; strides as in `Load`. One number for each unit has row strides of 0 alone.

    Attributes:
        late: whether the kernel reads the array as well, element for element, so that it may be written in the last
            pass over a row alone.
    """

    value: int
    argument: int
    dtype: DType
    unit_strides: tuple[int, ...]
    row_strides: tuple[int, ...]
    late: bool = False

    @property
    def along_row(self) -> bool:
        """Whether there is an element of the array for each element of the row."""
        return any(self.row_strides)


@dataclass(frozen=True, slots=True)
class Accumulation:
    """A reduction over units. Each part writes what it finds for its units into a row of its own of an array.

    Attributes:
        value: what is reduced.
        op: sum, prod, max or min.
        argument: the array.
        dtype: the array's dtype.
        along_row: whether a part's row is as long as the domain's; else it is one number, from a row value.
    """

    value: int
    op: str
    argument: int
    dtype: DType
    along_row: bool


@dataclass(frozen=True)
class Body:
    """What a fused kernel computes.

    Attributes:
        unit_shape: the units, along several axes where they do not lie evenly in memory.
        row_shape: the row likewise.
        values: each after those that it uses.
        stores: what is written for each unit.
        accumulations: what is written for each part.
        arguments: how many arrays there are.
        disjoint: whether no array that is written overlaps another one.
    """

    unit_shape: tuple[int, ...]
    row_shape: tuple[int, ...]
    values: tuple[Value, ...]
    stores: tuple[Store, ...]
    accumulations: tuple[Accumulation, ...]
    arguments: int
    disjoint: bool = True

    @property
    def units(self) -> int:
        """How many rows there are."""
        return prod(self.unit_shape)

    @property
    def row_size(self) -> int:
        """How many elements a row has."""
        return prod(self.row_shape)
