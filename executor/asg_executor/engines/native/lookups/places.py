"""`Places`: which element of an array each place of a domain names, by indices that stand in another array."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from llvmlite import ir

from asg_executor.engines.native.strided_code import CONDITION, INDEX, Number, StridedCode
from asg_executor.plan.layout import Layout, merge_axes
from asg_schema.dtype import DType

__all__ = ["Axes", "Component", "PlaceCode", "Places", "merged"]


class Component(NamedTuple):
    """An axis of the array along which an index names the place.

    Attributes:
        offset: how far behind the first index of a tuple this one stands.
        size: of the axis.
        stride: the array's along the axis.
    """

    offset: int
    size: int
    stride: int


@dataclass(frozen=True, slots=True)
class Places:
    """See the module.

    Attributes:
        shape: the domain's.
        index_dtype: int32 or int64.
        index_strides: the indices' strides along the domain's axes: 0 where all have the same index.
        strides: the array's likewise: 0 along the axes that are of the indices alone.
        components: the axes that are indexed.
    """

    shape: tuple[int, ...]
    index_dtype: DType
    index_strides: tuple[int, ...]
    strides: tuple[int, ...]
    components: tuple[Component, ...]

    @property
    def looked_up(self) -> int:
        """How many of the first axes have to be known for an index to be."""
        return max((axis + 1 for axis, stride in enumerate(self.index_strides) if stride), default=0)


class Axes(NamedTuple):
    """A domain with as few axes as may be.

    Attributes:
        places: the domain.
        strides: those of other arrays along its axes.
    """

    places: Places
    strides: tuple[tuple[int, ...], ...]


def merged(places: Places, others: Sequence[Sequence[int]]) -> Axes:
    """The domain with neighbouring axes merged where each array allows it.

    Args:
        places: the domain.
        others: the strides of other arrays along its axes.
    """
    every = (places.index_strides, places.strides, *others)
    axes = merge_axes([Layout("", places.shape, tuple(strides)) for strides in every])
    index_strides, strides, *rest = (tuple(axis[1][which] for axis in axes) for which in range(len(every)))
    shape = tuple(size for size, _ in axes)
    return Axes(Places(shape, places.index_dtype, index_strides, strides, places.components), tuple(rest))


class PlaceCode:
    """Emits where a place lies. An index out of range counts as 0, and is remembered.

    Args:
        code: the kernel.
        places: the domain.
        indices: where the indices lie.
    """

    def __init__(self, code: StridedCode, places: Places, indices: ir.Value) -> None:
        self._code = code
        self._places = places
        self._indices = indices
        self._type = ir.IntType(8 * places.index_dtype.itemsize)
        self._failed = code.variable(CONDITION)
        code.builder.store(CONDITION(0), self._failed)

    def indexed(self, domain: Sequence[Number]) -> Number:
        """How far the indices of a place lead along the indexed axes.

        Args:
            domain: the place; only the first `Places.looked_up` axes need to be known.
        """
        first = self._code.offset(domain, self._places.index_strides[: len(domain)])
        total: Number = 0
        for component in self._places.components:
            index = self._index(self._code.add(first, component.offset), component.size)
            total = self._code.add(total, self._code.multiply(index, component.stride))
        return total

    def _index(self, offset: Number, size: int) -> ir.Value:
        builder = self._code.builder
        index = self._code.load(self._indices, offset, self._type)
        index = index if self._type.width == INDEX.width else builder.sext(index, INDEX)
        wrapped = builder.select(builder.icmp_signed("<", index, INDEX(0)), builder.add(index, INDEX(size)), index)
        outside = builder.icmp_unsigned(">=", wrapped, INDEX(size))
        failed = builder.load(self._failed, typ=CONDITION)
        builder.store(builder.or_(failed, outside), self._failed)
        return builder.select(outside, INDEX(0), wrapped)

    def finish(self) -> None:
        """Set the failure word if an index was out of range, and end the kernel."""
        self._code.fail_when(self._code.builder.load(self._failed, typ=CONDITION))
        self._code.finish()
