"""`Plan`: what runs in which order and where every value lies, before any memory is taken."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from asg_executor.plan.arrays import concrete_shape
from asg_executor.plan.layout import Layout, element_count
from asg_executor.plan.program import Instruction, Program

__all__ = ["Place", "Plan", "Stage"]


class Place(NamedTuple):
    """Where the memory of a root lies.

    Attributes:
        kind: in the arena; in an array bound to the source `key`; in the constant `key`; in the destination of the
            output `key`; or in a buffer that holds one tile of a stage.
        key: the name that belongs to the kind, else "".
        begin: the first byte within the arena or within the stage's tile memory, else 0.
    """

    kind: Literal["arena", "bound", "constant", "destination", "tile"]
    key: str = ""
    begin: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Instructions that run together: one, several pointwise ones that run tile by tile, or those of a fused kernel.

    Attributes:
        instructions: in order.
        shape: the shape that all results have, up to a reshape, where the stage runs tile by tile; else None.
        block: the size of a tile along each axis of `shape`; the last one along an axis may be smaller.
        operations: how many operations on one element it takes (`asg_executor.plan.cost`).
        local: the roots that a fused kernel computes for itself alone: they have no memory.
        in_place: of a native kernel, for each root that may be computed over what the kernel reads, the roots over
            which; None where the instructions' ops decide it.
        kernel: what runs it: NumPy's kernels; a native kernel of the op's own; a native kernel that is fused; or one
            that combines what the parts of a fused one have found.
    """

    instructions: tuple[Instruction, ...]
    shape: tuple[int, ...] | None = None
    block: tuple[int, ...] = ()
    operations: int = 0
    local: frozenset[str] = frozenset()
    in_place: Mapping[str, Collection[str]] | None = None
    kernel: Literal["numpy", "native", "fused", "combination"] = "numpy"


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How a program runs.

    Attributes:
        program: the simplified program.
        stages: what runs, in order.
        layouts: how each value lies in its root's memory.
        places: where the memory of each root lies.
        inputs: the sources that a call copies into the arena.
        returned: outputs that a call copies out of memory, by name, with their value's reference.
        written: outputs that a call copies into their destination at the end, by name. All others that have a
            destination are computed right there.
        arena_bytes: the size of the arena.
        tile_bytes: the size of the memory that tiles share.
        constant_bytes: the size of the constants.
    """

    program: Program
    stages: Sequence[Stage]
    layouts: Mapping[str, Layout]
    places: Mapping[str, Place]
    inputs: Sequence[str]
    returned: Mapping[str, str]
    written: Mapping[str, str]
    arena_bytes: int
    tile_bytes: int
    constant_bytes: int

    @property
    def operations(self) -> int:
        """The operations on one element that one call takes: multiplications, additions and others."""
        return sum(stage.operations for stage in self.stages)

    @property
    def peak_bytes(self) -> int:
        """The memory for values, apart from bound arrays, destinations and the answer.

        Kernels that convert or rearrange their operands take scratch memory beside; the engine counts it.
        """
        return self.arena_bytes + self.tile_bytes + self.constant_bytes

    @property
    def answer_bytes(self) -> int:
        """The size of the arrays that a call returns. One may show the same few elements of memory many times."""
        types = [self.program.types[value] for value in self.returned.values()]
        return sum(element_count(concrete_shape(type)) * type.dtype.itemsize for type in types)
