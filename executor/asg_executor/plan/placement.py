"""Placement: where the memory of every value lies.

A value that owns memory (a *root*) lives from the stage that computes it to the last stage that reads it or a view of
it. Roots that do not live at the same time share memory; a pointwise result takes over an operand that dies with it;
an output is computed in its destination where nothing can still need what stood there.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from asg_executor.errors import InterfaceError
from asg_executor.plan.arena import Arena
from asg_executor.plan.arrays import Array, concrete_shape
from asg_executor.plan.layout import Layout, element_count
from asg_executor.plan.lifetimes import Buffer, arrange
from asg_executor.plan.overlaps import Overlaps
from asg_executor.plan.plan import Place, Stage
from asg_executor.plan.program import Instruction, Program
from asg_executor.plan.traits import can_fail, is_pointwise, updates_first_operand
from asg_schema.tensor_type import TensorType

__all__ = ["Placement"]


class Placement:
    """Places the roots of one program.

    Attributes:
        places: where each root lies.
        direct: the outputs that are computed in their destination.
        arena_bytes: the size of the arena.
        tile_bytes: how much memory the tiles of the stages share.
    """

    def __init__(
        self,
        program: Program,
        stages: Sequence[Stage],
        layouts: Mapping[str, Layout],
        bound: Mapping[str, Array],
        destinations: Mapping[str, Array],
    ) -> None:
        self.program = program
        self.stages = stages
        self.layouts = layouts
        self.bound = bound
        self.destinations = destinations
        self.overlaps = Overlaps(bound)
        self.places: dict[str, Place] = {}
        self.direct: set[str] = set()
        self.arena_bytes = 0
        self.tile_bytes = 0
        self.made: dict[str, tuple[int, int]] = {}  # the stage and the place in it where a root is computed
        self.reads: dict[str, list[tuple[int, int, Layout, Instruction]]] = {}
        self.last: dict[str, int] = {}
        self.final: dict[str, _FinalReads] = {}
        self.last_failure = -1  # the last stage that can fail

    def run(self) -> None:
        """Fill in the attributes."""
        self._refuse_overlapping_destinations()
        self._find_lifetimes()
        for name in self.bound:
            if name in self.program.sources:
                self.places[name] = Place("bound", name)
        for name in self.program.constants:
            self.places[name] = Place("constant", name)
        for name in self.destinations:
            self._try_destination(name)
        self._fill_arena()

    def _refuse_overlapping_destinations(self) -> None:
        ordered = sorted((*byte_bounds(array), name) for name, array in self.destinations.items())
        reaching: list[tuple[int, str]] = []  # those that may reach beyond where the next one begins
        for begin, end, name in ordered:
            reaching = [(other_end, other) for other_end, other in reaching if other_end > begin]
            for _, other in reaching:
                if np.shares_memory(self.destinations[other], self.destinations[name]):
                    raise InterfaceError(f'the destinations of the outputs "{other}" and "{name}" overlap')
            reaching.append((end, name))

    def _find_lifetimes(self) -> None:
        for number, stage in enumerate(self.stages):
            for position, instruction in enumerate(stage.instructions):
                if can_fail(instruction.op):
                    self.last_failure = number
                for result in instruction.results:
                    self.made[result] = (number, position)
                    self.last[result] = number
                for operand in instruction.operands:
                    layout = self.layouts[operand]
                    self.reads.setdefault(layout.root, []).append((number, position, layout, instruction))
                    self.last[layout.root] = number
        for reference in self.program.outputs.values():
            self.last[self.layouts[reference].root] = len(self.stages)

    def _is_whole(self, layout: Layout) -> bool:
        """Whether a layout runs over all of its root's memory once, in order."""
        root = self.program.types[layout.root]
        return layout.offset == 0 and layout.is_contiguous and element_count(layout.shape) == _count(root)

    def _try_destination(self, name: str) -> None:
        """Compute the output `name` in its destination if that is safe."""
        layout, array = self.layouts[self.program.outputs[name]], self.destinations[name]
        made = self.made.get(layout.root)
        if made is None or layout.root in self.places or not array.flags.c_contiguous or not self._is_whole(layout):
            return
        overlapped = self.overlaps.of(array)
        if overlapped and self.last_failure >= made[0]:
            return
        if all(self._read_before(source, array, layout.root) for source in overlapped):
            self.places[layout.root] = Place("destination", name)
            self.direct.add(name)

    def _read_before(self, source: str, array: Array, root: str) -> bool:
        """Whether every read of a bound source is over, or of the same element, when `root` is computed over it."""
        if self.last.get(source, -1) == len(self.stages):
            return False
        made = self.made[root]
        over = self.stages[made[0]].in_place
        memory = self.bound[source]
        same = memory.nbytes == array.nbytes and memory.ctypes.data == array.ctypes.data
        same = same and memory.itemsize == array.itemsize
        for number, position, layout, instruction in self.reads.get(source, ()):
            if number < made[0]:
                continue
            if over is not None:
                in_step = number == made[0] and source in over.get(root, ())
            else:
                in_step = (number, position) <= made and is_pointwise(instruction.op) and number == made[0]
            if not (in_step and same and self._is_whole(layout)):
                return False
        return True

    def _fill_arena(self) -> None:
        owners = self._find_owners()
        lives = {owner: [self.made.get(owner, (-1, 0))[0], -1] for owner in owners.values()}
        for root, owner in owners.items():
            lives[owner][1] = max(lives[owner][1], self.last[root])
        buffers = [Buffer(_bytes(self.program.types[owner]), *life) for owner, life in lives.items()]
        arrangement = arrange(buffers)
        self.arena_bytes = arrangement.size
        begins = dict(zip(lives, arrangement.begins, strict=True))
        self.places.update((root, Place("arena", begin=begins[owner])) for root, owner in owners.items())

    def _find_owners(self) -> dict[str, str]:
        """For each root of the arena the first one that stands in its memory: itself, or one that dies with it."""
        owners = {name: name for name in self.program.sources if name not in self.places and name in self.last}
        heritable = set(owners)
        for number, stage in enumerate(self.stages):
            self._place_temporaries(number, stage)
            for position, instruction in enumerate(stage.instructions):
                for result in instruction.results:
                    if result in self.places or result in stage.local:
                        continue
                    giver = self._giver(stage, instruction, result, (number, position), heritable)
                    owners[result] = result if giver is None else owners[giver]
                    heritable.add(result)
                    heritable.discard(giver or "")
        return owners

    def _place_temporaries(self, number: int, stage: Stage) -> None:
        """Give what is computed and read within one stage of tiles a piece of the tiles' memory."""
        if stage.shape is None:
            return
        results = [instruction.results[0] for instruction in stage.instructions]
        local = {root for root in results if self.last[root] == number and root not in self.places}
        last = {
            self.layouts[operand].root: position
            for position, instruction in enumerate(stage.instructions)
            for operand in instruction.operands
        }
        arena, count = Arena(), element_count(stage.block)
        for position, (instruction, result) in enumerate(zip(stage.instructions, results, strict=True)):
            dying = {
                root
                for operand in instruction.operands
                if (root := self.layouts[operand].root) in local and last[root] == position
            }
            if result in local:
                size = self.program.types[result].dtype.itemsize
                giver = next((root for root in dying if self.program.types[root].dtype.itemsize == size), None)
                if giver is None:
                    self.places[result] = Place("tile", begin=arena.allocate(count * size))
                else:
                    self.places[result] = self.places[giver]
                    dying.remove(giver)
            for root in dying:
                arena.free(self.places[root].begin)
        self.tile_bytes = max(self.tile_bytes, arena.size)

    def _giver(
        self, stage: Stage, instruction: Instruction, result: str, place: tuple[int, int], heritable: set[str]
    ) -> str | None:
        """A root that dies in a stage and whose memory a result of the stage can take over."""
        if stage.in_place is None:
            return self._dying_operand(instruction, *place, heritable)
        return self._dying_root(result, stage.in_place.get(result, ()), place[0], heritable)

    def _dying_operand(self, instruction: Instruction, number: int, position: int, heritable: set[str]) -> str | None:
        """An operand whose memory the result can take over: it is read here for the last time, element by element."""
        if is_pointwise(instruction.op):
            candidates = instruction.operands
        elif updates_first_operand(instruction.op):
            candidates = instruction.operands[:1]
        else:
            return None
        wanted = self.program.types[instruction.results[0]]
        for operand in candidates:
            layout = self.layouts[operand]
            root = layout.root
            if root not in heritable or self.last[root] != number:
                continue
            owner = self.program.types[root]
            if owner.dtype.itemsize != wanted.dtype.itemsize or _count(owner) != _count(wanted):
                continue
            final = self._final_reads(root)
            if final.whole and final.position <= position and (is_pointwise(instruction.op) or final.reads == 1):
                return root
        return None

    def _dying_root(self, result: str, candidates: Collection[str], number: int, heritable: set[str]) -> str | None:
        """One of `candidates` whose memory a result of a fused kernel can take over."""
        wanted = self.program.types[result]
        for root in candidates:
            if root not in heritable or self.last[root] != number:
                continue
            owner = self.program.types[root]
            if owner.dtype.itemsize == wanted.dtype.itemsize and _count(owner) == _count(wanted):
                return root
        return None

    def _final_reads(self, root: str) -> "_FinalReads":
        """The reads of a root in the last stage that reads it."""
        if root not in self.final:
            here = [read for read in self.reads[root] if read[0] == self.last[root]]
            whole = all(self._is_whole(layout) for _, _, layout, _ in here)
            self.final[root] = _FinalReads(max(read[1] for read in here), whole, len(here))
        return self.final[root]


class _FinalReads(NamedTuple):
    """How the last stage that reads a root reads it.

    Attributes:
        position: the place in the stage of the last instruction that does.
        whole: whether each read runs over all of the root's memory, in order.
        reads: how many there are.
    """

    position: int
    whole: bool
    reads: int


def _count(type: TensorType) -> int:
    return element_count(concrete_shape(type))


def _bytes(type: TensorType) -> int:
    return _count(type) * type.dtype.itemsize
