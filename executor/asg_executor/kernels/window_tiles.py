"""Windows of an array as views of a padded copy, tile by tile."""

import math
from typing import NamedTuple

import numpy as np

from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_executor.plan.layout import natural_strides

__all__ = ["AxisWindows", "WindowTiles", "merged_rows"]

_MOST_WASTE = 1.4  # how much longer a run over the ends of rows may be than the rows


class AxisWindows(NamedTuple):
    """The windows along one axis: position k of the window at place p is element start + p·stride + k·dilation.

    Elements below 0 or beyond the axis are padding.
    """

    start: int
    stride: int
    places: int
    dilation: int
    size: int

    @property
    def extent(self) -> int:
        """Over how many elements all windows together reach."""
        return (self.places - 1) * self.stride + (self.size - 1) * self.dilation + 1

    def is_padded(self, size: int) -> bool:
        """Whether a window reaches beyond an axis of this size."""
        return self.start < 0 or self.start + self.extent > size

    def kept(self, size: int) -> tuple[slice, slice]:
        """Which elements of an axis the windows reach over, and where these stand among all that they reach over."""
        begin = min(max(self.start, 0), size)
        end = max(min(self.start + self.extent, size), begin)
        return slice(begin, end), slice(begin - self.start, end - self.start) if end > begin else slice(0, 0)


class WindowTiles:
    """The windows over the last axes of x [g, n, c, …], for some of its second or third axis at a time.

    Args:
        x: the array.
        axes: the windows along each spatial axis.
        tile_axis: the axis of which there are some at a time.
    """

    def __init__(self, x: Array, axes: list[AxisWindows], tile_axis: int) -> None:
        self._axes = axes
        self._tile_axis = tile_axis
        self.is_padded = any(axis.is_padded(size) for axis, size in zip(axes, x.shape[3:], strict=True))
        kept = [axis.kept(size) for axis, size in zip(axes, x.shape[3:], strict=True)]
        self._source = x[(..., *(source for source, _ in kept))]
        self._inside = (..., *(inside for _, inside in kept))
        spatial = natural_strides(tuple(axis.extent for axis in axes)) if self.is_padded else self._element_strides()
        self._spatial = spatial
        self.is_run = self._can_run()

    def _element_strides(self) -> tuple[int, ...]:
        return tuple(stride // self._source.itemsize for stride in self._source.strides[3:])

    def _can_run(self) -> bool:
        """Whether the places of an image are worth running over the ends of its rows."""
        if any(axis.stride != 1 for axis in self._axes) or self._spatial[-1] != 1:
            return False
        places = [axis.places for axis in self._axes]
        ordered = all(
            outer >= axis.extent * inner
            for outer, inner, axis in zip(self._spatial, self._spatial[1:], self._axes[1:], strict=False)
        )
        return ordered and self._run(places[0]) <= _MOST_WASTE * math.prod(places)

    def _run(self, rows: int) -> int:
        places = (rows, *(axis.places for axis in self._axes[1:]))
        return sum((count - 1) * stride for count, stride in zip(places, self._spatial, strict=True)) + 1

    def run_length(self, rows: int) -> int:
        """How many columns `rows` places along the first spatial axis take, with all places along the others."""
        if self.is_run:
            return self._run(rows)
        return rows * math.prod(axis.places for axis in self._axes[1:])

    def allocate(self, count: int, workspace: Workspace) -> None:
        """Provide for tiles of `count`; padding is a copy, without which the tiles are views of x itself."""
        self.count = count
        self._base = self._source
        if self.is_padded:
            shape = list(self._source.shape[:3])
            shape[self._tile_axis] = count
            self._base = workspace.empty((*shape, *(axis.extent for axis in self._axes)), self._source.dtype)
        spatial = self._base.strides[3:]
        self._positions = tuple(axis.dilation * stride for axis, stride in zip(self._axes, spatial, strict=True))
        self._steps = tuple(axis.stride * stride for axis, stride in zip(self._axes, spatial, strict=True))
        self._kernel = tuple(axis.size for axis in self._axes)

    def load(self, begin: int) -> slice:
        """Copy the tile that begins at `begin`, if it is padded, and say where it stands along the axis of tiles.

        The first tile is to be loaded before the others: it clears the padding.
        """
        size = min(self.count, self._source.shape[self._tile_axis] - begin)
        if not self.is_padded:
            return slice(begin, begin + size)
        if begin == 0:
            self._base.fill(0)
        before = (slice(None),) * self._tile_axis
        np.copyto(
            self._base[(*before, slice(0, size))][self._inside], self._source[(*before, slice(begin, begin + size))]
        )
        return slice(0, size)

    def _places(self, first: int, rows: int) -> tuple[int, ...]:
        return (min(rows, self._axes[0].places - first), *(axis.places for axis in self._axes[1:]))

    def columns(self, first: int, rows: int) -> Array:
        """[g, c, k…, n, place…] for `rows` places from `first` along the first spatial axis; or [g, c, k…, n, run]."""
        places, steps = self._places(first, rows), self._steps
        if self.is_run:
            places, steps = (self._run(places[0]),), (self._base.itemsize,)
        groups, batch, channels = self._base.shape[:3]
        by_group, by_image, by_channel = self._base.strides[:3]
        return np.lib.stride_tricks.as_strided(
            self._base[:, :, :, first * self._axes[0].stride :],
            (groups, channels, *self._kernel, batch, *places),
            (by_group, by_channel, *self._positions, by_image, *steps),
        )

    def places(self, products: Array, batch: int, first: int, rows: int) -> Array:
        """Products [g, o, columns] of the columns of so many images, as [g, n, o, place…]."""
        places = self._places(first, rows)
        groups, outputs, _ = products.shape
        if not self.is_run:
            return products.reshape(groups, outputs, batch, *places).swapaxes(1, 2)
        run = self._run(places[0]) * products.itemsize
        by_group, by_output, _ = products.strides
        return np.lib.stride_tricks.as_strided(
            products, (groups, batch, outputs, *places), (by_group, run, by_output, *self._steps)
        )

    def rows(self) -> Array:
        """[g, n, place…, c, k…] for all places."""
        groups, batch, channels = self._base.shape[:3]
        by_group, by_image, by_channel = self._base.strides[:3]
        return np.lib.stride_tricks.as_strided(
            self._base,
            (groups, batch, *(axis.places for axis in self._axes), channels, *self._kernel),
            (by_group, by_image, *self._steps, by_channel, *self._positions),
        )


def merged_rows(array: Array, axis: int) -> Array | None:
    """The array with the axes from `axis` on made one, if that is a view."""
    try:
        return np.reshape(array, (*array.shape[:axis], -1), copy=False)
    except ValueError:
        return None
