"""Gathers and scatters as native kernels.

An index out of range sets the failure word; nothing is read or written outside the arrays then.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import TypeAlias

from asg_executor.engines.native.division import block_length
from asg_executor.engines.native.kernel_table import Argument, NativeKernel, Operand, native_kernels, parts_for
from asg_executor.engines.native.lookups.gather import Gather
from asg_executor.engines.native.lookups.places import Component, Places, merged
from asg_executor.engines.native.lookups.scatter import Scatter
from asg_executor.plan.layout import Layout
from asg_schema.op import Op
from asg_schema.ops.indexing import IndexAdd, ScatterAddAlongAxis, Take, TakeAlongAxis
from asg_schema.ops.indexing_nd import GatherNd, ScatterNdAdd, ScatterNdSet

__all__: list[str] = []

_NARROW = 16  # elements: a shorter row makes a unit that is hardly worth the finding
_GATHER_WORK = 2  # cheap operations that moving an element takes about as long as
_SCATTER_WORK = 4
_LINE = 16  # elements: about a line of the cache
_MOST_SUMS = 1 << 20  # bytes: what stays in a cache
_MOST_SCRATCH = 1 << 26

_Rule: TypeAlias = Sequence[NativeKernel]
_ByTuples: TypeAlias = GatherNd | ScatterNdAdd | ScatterNdSet


def _along_one(axis: int, array: Layout, indices: Operand) -> Places:
    """Those of `take`: the array's axis is replaced by the axes of the indices."""
    before, after = slice(0, axis), slice(axis + 1, None)
    nothing = (0,) * len(indices.layout.shape)
    return Places(
        (*array.shape[before], *indices.layout.shape, *array.shape[after]),
        indices.dtype,
        (*(0,) * axis, *indices.layout.strides, *(0,) * (len(array.shape) - axis - 1)),
        (*array.strides[before], *nothing, *array.strides[after]),
        (Component(0, array.shape[axis], array.strides[axis]),),
    )


def _element_by_element(axis: int, array: Layout, indices: Operand) -> Places:
    """Those of `take_along_axis`: an index for each place."""
    strides = (*array.strides[:axis], 0, *array.strides[axis + 1 :])
    component = Component(0, array.shape[axis], array.strides[axis])
    return Places(indices.layout.shape, indices.dtype, indices.layout.strides, strides, (component,))


def _by_tuples(batch: int, array: Layout, indices: Operand) -> Places:
    """Those of `gather_nd`: a tuple for each place."""
    *shape, size = indices.layout.shape
    *index_strides, step = indices.layout.strides
    behind = slice(batch + size, None)
    components = tuple(
        Component(place * step, array.shape[batch + place], array.strides[batch + place]) for place in range(size)
    )
    return Places(
        (*shape, *array.shape[behind]),
        indices.dtype,
        (*index_strides, *(0,) * len(array.shape[behind])),
        (*array.strides[:batch], *(0,) * (len(shape) - batch), *array.strides[behind]),
        components,
    )


def _places(op: Op, array: Layout, indices: Operand) -> Places:
    match op:
        case Take() | IndexAdd():
            return _along_one(op.axis % len(array.shape), array, indices)
        case TakeAlongAxis() | ScatterAddAlongAxis():
            return _element_by_element(op.axis % len(array.shape), array, indices)
        case GatherNd() | ScatterNdAdd() | ScatterNdSet():
            return _by_tuples(op.batch_dims, array, indices)
        case _:
            raise TypeError(f"{op.name} is neither a gather nor a scatter")


def _gather(op: Op, operands: Sequence[Operand], results: Sequence[Operand], threads: int) -> _Rule:
    (array, indices), (result,) = operands, results
    places, (strides,) = merged(_places(op, array.layout, indices), [result.layout.strides])
    shape = places.shape
    row = 0
    while row < len(shape) - 1 and (row == 0 or prod(shape[len(shape) - row :]) < _NARROW):
        row += 1
    spec = Gather(places, strides, array.dtype.itemsize, len(shape) - row)
    parts = parts_for(_GATHER_WORK * prod(shape), spec.units, threads)
    return (NativeKernel(spec, (Argument(0), Argument(1), Argument(2)), parts),)


for _op in (Take, TakeAlongAxis, GatherNd):
    native_kernels.define(_op)(_gather)


def _scatter(op: Op, operands: Sequence[Operand], results: Sequence[Operand], threads: int) -> _Rule:
    """None where 16-bit floats are added to so many places that their sums would take a lot of memory."""
    (array, indices, source), (result,) = operands, results
    adds = not isinstance(op, ScatterNdSet)
    there = _places(op, result.layout, indices)
    seen = _places(op, array.layout, indices)
    places, (array_strides, source_strides) = merged(there, [seen.strides, source.layout.strides])
    spec = Scatter(
        places,
        array_strides,
        source_strides,
        tuple(component.stride for component in seen.components),
        result.dtype,
        adds,
        _block(places, threads),
    )
    if spec.scratch_bytes > _MOST_SUMS:
        spec = replace(spec, block=min(spec.block, _LINE))
    if spec.scratch_bytes > _MOST_SCRATCH:
        return ()
    work = prod(result.layout.shape) + _SCATTER_WORK * prod(places.shape)
    parts = parts_for(work, spec.units, threads)
    return (NativeKernel(spec, tuple(map(Argument, range(4))), parts),)


for _op in (IndexAdd, ScatterAddAlongAxis, ScatterNdAdd, ScatterNdSet):
    native_kernels.define(_op)(_scatter)


def _block(places: Places, threads: int) -> int:
    """How many places along the last shared axis a unit has: all, unless the axes before have too few."""
    shared = [(size, stride) for size, stride in zip(places.shape, places.strides, strict=True) if stride]
    if not shared:
        return 1
    return block_length(*shared[-1], prod(size for size, _ in shared[:-1]), threads)
