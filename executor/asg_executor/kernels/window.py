"""Kernels of sums and maxima over windows: axis by axis, position by position of the window, all places at once.

Padding is never copied. At each position of the window only those places are visited where it meets an element.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from asg_executor.allowance import current_allowance
from asg_executor.kernels.elementwise import is_half
from asg_executor.kernels.kernel import Arrays, Step, kernels, sequence, stoppable
from asg_executor.kernels.pointwise import in_float32
from asg_executor.kernels.reduction import reduce
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_executor.plan.layout import natural_strides
from asg_schema.ops.window import MaxPool, Pooling, WindowSum

__all__ = ["max_pool", "window_sum"]

_TILE = 65_536  # elements of an operand

_Beats: TypeAlias = Callable[[Array, Array, Array], object]
"""Where an element is to take the place of the largest so far: from both to an array of bools."""


class _Axis(NamedTuple):
    """Windows along one axis: position k of the window at place p meets element p·stride + k·dilation - low."""

    elements: int
    places: int
    size: int
    stride: int
    dilation: int
    low: int

    def first_place(self, position: int) -> int:
        """The first place at which a position meets an element and not the padding before it."""
        return min(max(0, -(-(self.low - position * self.dilation) // self.stride)), self.places)

    def met(self, position: int) -> tuple[slice, slice]:
        """The places at which a position meets an element, and these elements."""
        begin = self.first_place(position)
        shift = position * self.dilation - self.low
        end = max(begin, min(self.places, -(-(self.elements - shift) // self.stride)))
        return slice(begin, end), self._elements(begin, end, shift)

    def met_first(self, position: int) -> tuple[slice, slice]:
        """The places at which a position is the first that meets an element, and these elements."""
        begin = self.first_place(position)
        end = self.first_place(position - 1) if position else self.places
        return slice(begin, end), self._elements(begin, end, position * self.dilation - self.low)

    def met_later(self, position: int) -> tuple[slice, slice]:
        """The places at which a position meets an element and so does one before it, and these elements."""
        begin = self.first_place(position - 1)
        where, _ = self.met(position)
        return slice(begin, where.stop), self._elements(begin, where.stop, position * self.dilation - self.low)

    def _elements(self, begin: int, end: int, shift: int) -> slice:
        if begin >= end:
            return slice(0, 0)
        return slice(begin * self.stride + shift, (end - 1) * self.stride + shift + 1, self.stride)

    def window(self, place: int) -> slice:
        """The elements that the window meets at a place."""
        begin = place * self.stride - self.low
        end = begin + (self.size - 1) * self.dilation + 1
        first = begin + self._skipped(place) * self.dilation
        return slice(first, max(0, min(end, self.elements)), self.dilation)

    def _skipped(self, place: int) -> int:
        """How many positions lie in the padding before the axis at a place."""
        return max(0, -((place * self.stride - self.low) // self.dilation))

    def positions(self) -> Sequence[int]:
        """The positions that meet an element at some place, in order: few where a window is mostly padding."""
        if self.size <= self.places:
            return range(self.size)
        found: set[int] = set()
        for place in range(self.places):
            skipped, window = self._skipped(place), self.window(place)
            found.update(range(skipped, skipped + len(range(window.start, window.stop, window.step))))
        return sorted(found)


def _axes(op: Pooling, x: Array, result: Array) -> list[_Axis]:
    window = op.window
    first = x.ndim - len(op.kernel_size)
    return [
        _Axis(
            x.shape[first + i],
            result.shape[first + i],
            op.kernel_size[i],
            window.strides[i],
            window.dilation[i],
            window.padding[i][0],
        )
        for i in range(len(op.kernel_size))
    ]


def _at(axis: int, where: slice | int) -> tuple[slice | int, ...]:
    return (*(slice(None),) * axis, where)


@kernels.define(WindowSum)
def window_sum(op: WindowSum, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """Half precision is summed in single precision."""

    def make(arrays: Arrays, target: Array) -> Step:
        (x,) = arrays
        first = x.ndim - len(op.kernel_size)
        steps: list[Step] = []
        for index, axis in enumerate(_axes(op, x, target), first):
            shape = (*x.shape[:index], axis.places, *x.shape[index + 1 :])
            total = target if index == x.ndim - 1 else workspace.empty(shape, x.dtype)
            steps.extend(_axis_sum(axis, index, x, total))
            x = total
        return stoppable(*steps)

    if is_half(results[0]):
        return in_float32(make, operands, results[0], workspace)
    return make(operands, results[0])


def _axis_sum(axis: _Axis, index: int, x: Array, total: Array) -> Iterator[Step]:
    """The steps that sum the windows along one axis: by position, or by place where there are fewer of these."""
    if axis.places < axis.size:
        for place in range(axis.places):
            elements = x[_at(index, axis.window(place))]
            yield reduce(np.add, elements, (index,), total[(*_at(index, place), ...)])
        return
    yield partial(total.fill, 0)
    for position in range(axis.size):
        places, elements = axis.met(position)
        into = total[_at(index, places)]
        yield partial(np.add, into, x[_at(index, elements)], out=into)


@kernels.define(MaxPool)
def max_pool(op: MaxPool, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """Tile by tile of the leading axes, from the last spatial axis to the first, so that the first of ties wins."""
    (x,), (values, indices) = operands, results
    if values.size == 0:
        return sequence()
    axes = _axes(op, x, values)
    leading = x.ndim - len(axes)
    images = math.prod(x.shape[:leading])
    copies: list[Step] = []
    if leading != 1 or is_half(x):
        whole = workspace.empty((images, *x.shape[leading:]), np.float32 if is_half(x) else x.dtype)
        flat = None if is_half(x) else _as_images(x, whole.shape)
        if flat is None:
            copies.append(partial(np.copyto, whole.reshape(x.shape), x))
        x = whole if flat is None else flat
    shape = values.shape[leading:]
    tiles = _MaxTiles(x, values.reshape(images, *shape), indices.reshape(images, *shape), axes, workspace)
    return sequence(*copies, tiles.run)


def _as_images(x: Array, shape: tuple[int, ...]) -> Array | None:
    """X with its leading axes made one, if that is a view."""
    try:
        return np.reshape(x, shape, copy=False)
    except ValueError:
        return None


class _MaxTiles:
    """Maxima over windows of x [images, spatial…], and where they stand, some images at a time.

    Along one axis after another the largest element of each line of the window is found, and its position in that line;
    the positions along the axes before are carried along.
    """

    def __init__(self, x: Array, values: Array, indices: Array, axes: list[_Axis], workspace: Workspace) -> None:
        self._x, self._values, self._indices, self._axes = x, values, indices, axes
        self._count = min(x.shape[0], max(1, _TILE // max(1, math.prod(x.shape[1:]))))
        self._stages: list[_MaxStage] = []
        shape = [self._count, *x.shape[1:]]
        carried: list[np.dtype[Any]] = []
        for index in range(len(axes), 0, -1):
            axis = axes[index - 1]
            shape[index] = axis.places
            own = np.min_scalar_type(axis.size - 1)
            self._stages.append(_MaxStage(axis, index, tuple(shape), x.dtype, [own, *carried], workspace))
            carried.insert(0, own)
        self._place = workspace.empty((self._count, *values.shape[1:]), np.int64)
        strides = natural_strides(x.shape[1:])
        # Where a dilation leads past all elements, only the first position is ever the largest.
        self._steps = [min(axis.dilation, axis.elements) * stride for axis, stride in zip(axes, strides, strict=True)]
        self._starts = sum(
            ((np.arange(axis.places) * axis.stride - axis.low) * stride).reshape(-1, *(1,) * (len(axes) - 1 - i))
            for i, (axis, stride) in enumerate(zip(axes, strides, strict=True))
        )

    def run(self) -> None:
        """Compute all images."""
        for begin in range(0, self._x.shape[0], self._count):
            part = self._x[begin : begin + self._count]
            values, positions = self._maxima(part, np.greater)
            if values.dtype.kind == "f" and np.isnan(np.max(values)):
                values, positions = self._maxima(part, _greater_or_nan)
            np.copyto(self._values[begin : begin + self._count], values, casting="unsafe")
            indices = self._indices[begin : begin + self._count]
            np.copyto(indices, self._starts)
            place = self._place[: len(part)]
            for position, step in zip(positions, self._steps, strict=True):
                np.multiply(position, step, out=place, dtype=np.int64)
                np.add(indices, place, out=indices)

    def _maxima(self, x: Array, beats: _Beats) -> tuple[Array, list[Array]]:
        positions: list[Array] = []
        for stage in self._stages:
            x, positions = stage.run(x, positions, beats)
        return x, positions


def _greater_or_nan(x: Array, largest: Array, wins: Array) -> None:
    """Where x is greater, or is NaN and the largest so far is not."""
    np.less_equal(x, largest, out=wins)
    np.logical_not(wins, out=wins)
    np.logical_and(wins, largest == largest, out=wins)


def _choose(wins: Array, source: Array, target: Array, change: Array) -> None:
    """Take over integers where `wins` says so: in this arithmetic, several times as fast as by `numpy.copyto`."""
    np.bitwise_xor(source, target, out=change)
    np.multiply(change, wins, out=change)
    np.bitwise_xor(target, change, out=target)


class _MaxStage:
    """The maxima along one axis of a tile."""

    def __init__(
        self,
        axis: _Axis,
        index: int,
        shape: tuple[int, ...],
        dtype: "np.dtype[Any]",
        positions: "list[np.dtype[Any]]",
        workspace: Workspace,
    ) -> None:
        self._axis = axis
        self._met = axis.positions()
        self._index = index
        self._values = workspace.empty(shape, dtype)
        self._wins = workspace.empty(shape, np.bool_)
        self._positions = [workspace.empty(shape, kind) for kind in positions]
        self._changes = [workspace.empty(shape, kind) for kind in positions]

    def run(self, x: Array, positions: list[Array], beats: _Beats) -> tuple[Array, list[Array]]:
        """The maxima of the windows of x, and where they stand: along this axis, and along those before.

        Args:
            x: some images.
            positions: for each element of x where in the window it stands, along each axis before.
            beats: which element takes the place of the largest so far.
        """
        allowance = current_allowance()
        count = x.shape[0]
        values, (own, *carried) = self._values[:count], [array[:count] for array in self._positions]
        moved = list(zip(positions, carried, strict=True))
        for position in self._met:
            allowance.check_time()
            places, elements = (_at(self._index, where) for where in self._axis.met_first(position))
            np.copyto(values[places], x[elements])
            own[places] = position
            for source, target in moved:
                np.copyto(target[places], source[elements])
        for position in self._met[1:]:
            allowance.check_time()
            places, elements = (_at(self._index, where) for where in self._axis.met_later(position))
            wins = self._wins[:count][places]
            beats(x[elements], values[places], wins)
            np.maximum(values[places], x[elements], out=values[places])
            change = self._changes[0][:count][places]
            np.multiply(wins, position, out=change, dtype=change.dtype)
            np.maximum(own[places], change, out=own[places])  # a position is above those before it
            for (source, target), changes in zip(moved, self._changes[1:], strict=True):
                _choose(wins, source[elements], target[places], changes[:count][places])
        return values, [own, *carried]
