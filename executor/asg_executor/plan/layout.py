"""Strided layouts: where the elements of a value lie within a piece of memory, and which layout ops are only views.

Strides and offsets count elements, not bytes.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Layout", "contiguous", "element_count", "merge_axes", "natural_strides"]


class Layout(NamedTuple):
    """How the elements of a value lie in the memory of its root.

    Attributes:
        root: the reference of the value that owns the memory.
        shape: one size for each axis.
        strides: the distance between neighbours along each axis; 0 repeats an element, negative runs backwards.
        offset: where the element at index 0 along every axis lies.
    """

    root: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements lie in row-major order without gaps."""
        return all(
            size == 1 or stride == natural
            for size, stride, natural in zip(self.shape, self.strides, natural_strides(self.shape), strict=True)
        )

    def permute(self, axes: Sequence[int]) -> "Layout":
        """Axis i of the result is axis `axes[i]`."""
        shape, strides = tuple(self.shape[axis] for axis in axes), tuple(self.strides[axis] for axis in axes)
        return self._replace(shape=shape, strides=strides)

    def broadcast(self, shape: tuple[int, ...]) -> "Layout":
        """The same elements repeated to `shape`, which NumPy's rule allows."""
        added = len(shape) - len(self.shape)
        strides = tuple(
            0 if old == 1 and new != 1 else stride
            for old, new, stride in zip(self.shape, shape[added:], self.strides, strict=True)
        )
        return self._replace(shape=shape, strides=(0,) * added + strides)

    def slice(self, start: Sequence[int], stop: Sequence[int], step: Sequence[int]) -> "Layout":
        """The elements start, start + step, … before stop along each axis; all steps are positive."""
        shape = tuple(max(0, -(-(b - a) // s)) for a, b, s in zip(start, stop, step, strict=True))
        offset = self.offset
        if 0 not in shape:
            offset += sum(a * stride for a, stride in zip(start, self.strides, strict=True))
        strides = tuple(stride * s for stride, s in zip(self.strides, step, strict=True))
        return Layout(self.root, shape, strides, offset)

    def flip(self, axes: Sequence[int]) -> "Layout":
        """The elements in reverse order along each of `axes`."""
        if 0 in self.shape:
            return self
        offset = self.offset + sum((self.shape[axis] - 1) * self.strides[axis] for axis in axes)
        strides = tuple(-stride if axis in axes else stride for axis, stride in enumerate(self.strides))
        return self._replace(strides=strides, offset=offset)

    def reshape(self, shape: tuple[int, ...]) -> "Layout | None":
        """The same elements in row-major order under another shape; None where only a copy can have it."""
        if 0 in shape:
            return self._replace(shape=shape, strides=natural_strides(shape))
        strides: list[int] = []
        blocks = merge_axes([self])
        position = len(blocks) - 1
        left = blocks[position][0] if blocks else 1
        stride = blocks[position][1][0] if blocks else 1
        for size in reversed(shape):
            if size == 1:
                strides.append(stride)
                continue
            if left == 1 and position > 0:
                position -= 1
                left, stride = blocks[position][0], blocks[position][1][0]
            if left % size:
                return None
            strides.append(stride)
            left //= size
            stride *= size
        return self._replace(shape=shape, strides=tuple(reversed(strides)))


def natural_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a row-major array without gaps."""
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def contiguous(root: str, shape: tuple[int, ...]) -> Layout:
    """The layout of a value that owns its memory: row-major, without gaps."""
    return Layout(root, shape, natural_strides(shape))


def merge_axes(layouts: Sequence[Layout]) -> list[tuple[int, tuple[int, ...]]]:
    """Neighbouring axes merged where every one of `layouts` allows it, and axes of size 1 left out.

    Args:
        layouts: at least one, all of one shape.

    Returns:
        For each merged axis its size and its stride in each layout.
    """
    merged: list[tuple[int, tuple[int, ...]]] = []
    for axis, size in enumerate(layouts[0].shape):
        if size == 1:
            continue
        strides = tuple(layout.strides[axis] for layout in layouts)
        if merged and all(outer == inner * size for outer, inner in zip(merged[-1][1], strides, strict=True)):
            merged[-1] = (merged[-1][0] * size, strides)
        else:
            merged.append((size, strides))
    return merged


def element_count(shape: tuple[int, ...]) -> int:
    """How many elements an array of this shape has."""
    return math.prod(shape)
