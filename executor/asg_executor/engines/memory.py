"""`Memory`: the arrays of an executable, as the plan places them."""

from collections.abc import Mapping

import numpy as np

from asg_executor.errors import MemoryLimitError
from asg_executor.huge_pages import zero_bytes
from asg_executor.plan.arena import ALIGNMENT
from asg_executor.plan.arrays import Array, concrete_shape, numpy_dtype, stored_elements
from asg_executor.plan.grouping import iteration_layout
from asg_executor.plan.layout import element_count, natural_strides
from asg_executor.plan.plan import Plan, Stage

__all__ = ["Memory", "aligned_bytes", "strided"]


class Memory:
    """Holds the arena and the constants of one executable, and hands out its values as arrays.

    Attributes:
        arena: the bytes in which most values stand.
    """

    def __init__(self, plan: Plan, bound: Mapping[str, Array], destinations: Mapping[str, Array]) -> None:
        self._plan = plan
        self._bound = bound
        self._destinations = destinations
        self.arena = aligned_bytes(plan.arena_bytes)
        self._tiles = aligned_bytes(plan.tile_bytes)
        self._roots: dict[str, Array] = {}

    def array(self, reference: str) -> Array:
        """The array in which a value stands during a call."""
        layout = self._plan.layouts[reference]
        return strided(self.line(layout.root), layout.shape, layout.strides, layout.offset)

    def address(self, root: str, offset: int = 0) -> int:
        """The address of the element number `offset` of a root's memory."""
        line = self.line(root)
        return line.ctypes.data + offset * line.itemsize

    def tile(self, reference: str, result: tuple[int, ...], stage: Stage, begin: tuple[int, ...]) -> Array:
        """The array in which the part of a value that belongs to one tile of a stage stands during a call.

        Args:
            reference: the value.
            result: the shape of the result of the instruction that reads or makes it.
            stage: the stage that reads or makes it.
            begin: where the tile begins along each axis of the stage's shape.
        """
        assert stage.shape is not None, "only a stage that runs tile by tile has tiles"
        sizes = tuple(min(b, size - a) for a, b, size in zip(begin, stage.block, stage.shape, strict=True))
        layout = self._plan.layouts[reference]
        place = self._plan.places[layout.root]
        if place.kind == "tile":
            dtype = numpy_dtype(self._plan.program.types[layout.root].dtype)
            size = element_count(sizes) * dtype.itemsize
            return self._tiles[place.begin : place.begin + size].view(dtype).reshape(sizes)
        seen = iteration_layout(layout, result, stage.shape)
        offset = seen.offset + sum(a * stride for a, stride in zip(begin, seen.strides, strict=True))
        return strided(self.line(layout.root), sizes, seen.strides, offset)

    def line(self, root: str) -> Array:
        """All of a root's memory as one axis.

        Args:
            root: the reference of the value that owns the memory.
        """
        if root not in self._roots:
            self._roots[root] = self._make_root(root)
        return self._roots[root]

    def _make_root(self, root: str) -> Array:
        place = self._plan.places[root]
        if place.kind == "bound":
            return self._bound[place.key].reshape(-1)
        if place.kind == "destination":
            return self._destinations[place.key].reshape(-1)
        if place.kind == "constant":
            array = self._plan.program.constants[place.key]
            return stored_elements(array).reshape(-1)
        type = self._plan.program.types[root]
        dtype = numpy_dtype(type.dtype)
        size = element_count(concrete_shape(type)) * dtype.itemsize
        return self.arena[place.begin : place.begin + size].view(dtype)


def strided(line: Array, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Array:
    """A view of the elements of a contiguous array of one axis; strides and offset count elements.

    Axes of size 1 get the stride that BLAS expects of them.
    """
    if 0 in shape:
        return np.empty(shape, line.dtype)
    strides = tuple(
        natural if size == 1 else stride
        for size, stride, natural in zip(shape, strides, natural_strides(shape), strict=True)
    )
    steps = tuple(stride * line.itemsize for stride in strides)
    return np.lib.stride_tricks.as_strided(line[offset:], shape, steps)


def aligned_bytes(size: int) -> Array:
    """Uninitialised bytes that begin at a multiple of the arena's alignment.

    Raises:
        MemoryLimitError: this machine cannot provide them.
    """
    try:
        memory = zero_bytes(size + ALIGNMENT)
    except (MemoryError, ValueError, OverflowError) as error:
        raise MemoryLimitError(f"{size:,} bytes are needed, more than this machine can provide") from error
    begin = -memory.ctypes.data % ALIGNMENT
    return memory[begin : begin + size]
