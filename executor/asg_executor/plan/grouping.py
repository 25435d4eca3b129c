"""Grouping: which instructions run together, tile by tile, so that what passes between them stays in the cache."""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from asg_executor.plan.arrays import concrete_shape
from asg_executor.plan.cost import operations
from asg_executor.plan.layout import Layout, contiguous, element_count, merge_axes
from asg_executor.plan.plan import Stage
from asg_executor.plan.program import Instruction
from asg_executor.plan.traits import is_pointwise
from asg_schema.tensor_type import TensorType

__all__ = ["Begun", "group", "iteration_layout", "numbers_apart"]

_TILE = 65_536  # elements: enough to hide the cost of a call, so few that several arrays of them stay in the cache
_LEAST = 2 * _TILE  # below this a whole array is as good as a tile
_MOST_TILES = 256
_MOST_STEPS = 65_536  # tiles of all instructions together: each takes time to compile, and memory
_FARTHEST = 64  # stages: how far back a stage to join is looked for, so that planning takes linear time


def group(
    computed: Sequence[Instruction],
    types: Mapping[str, TensorType],
    layouts: Mapping[str, Layout],
    pinned: Collection[str],
    walls: Mapping[str, int],
) -> list[Stage]:
    """The stages of a program.

    A pointwise instruction over a large array joins an earlier stage of such instructions if all that it reads is
    computed by then; every other one is a stage of its own. Numbers that follow from inputs alone are computed first:
    so none of them, such as the step size of an optimizer, keeps instructions over arrays apart. What reads a value
    through a barrier joins no stage before the barrier: a value that is computed again there, in order not to be kept,
    would else be computed beside the first one, and kept.

    Args:
        computed: the instructions that are not views, in order.
        types: the type of every value.
        layouts: how each value lies in its root's memory.
        pinned: roots that must not be computed earlier than where they stand.
        walls: for each value that is seen through a barrier, how many of `computed` stand before the barrier.
    """
    drafts: list[_Draft] = []
    made: dict[str, int] = {}  # the draft in which a root is computed
    numbers, others = numbers_apart(computed, types, layouts, pinned)
    begun = Begun(computed, numbers, walls)
    for instruction in (*numbers, *others):
        draft = _Draft.of(instruction, types, layouts)
        begun.note(instruction, len(drafts))
        number = _joinable(draft, drafts, made, pinned, begun.least(instruction))
        if number is None:
            number = len(drafts)
            drafts.append(draft)
        else:
            drafts[number].join(draft)
        made.update((result, number) for result in instruction.results)
    tiled = sum(len(draft.instructions) for draft in drafts if draft.shape is not None)
    most_tiles = max(1, min(_MOST_TILES, _MOST_STEPS // max(tiled, 1)))
    return [draft.stage(most_tiles, sum(operations(item, types) for item in draft.instructions)) for draft in drafts]


def numbers_apart(
    computed: Sequence[Instruction],
    types: Mapping[str, TensorType],
    layouts: Mapping[str, Layout],
    pinned: Collection[str],
) -> tuple[list[Instruction], list[Instruction]]:
    """The instructions that make numbers from nothing but inputs and such numbers, and the others."""
    numbers: list[Instruction] = []
    others: list[Instruction] = []
    later: set[str] = set()  # the roots that the others compute
    for instruction in computed:
        reads = {layouts[operand].root for operand in instruction.operands}
        is_number = not any(types[result].shape or result in pinned for result in instruction.results)
        if is_number and later.isdisjoint(reads):
            numbers.append(instruction)
        else:
            others.append(instruction)
            later.update(instruction.results)
    return numbers, others


@dataclass(slots=True)
class _Draft:
    """A stage that may still grow.

    Attributes:
        instructions: what it runs.
        shape: the shape over which it runs tile by tile; None if it does not.
        layouts: how what it reads and makes lies in memory, in its shape.
        reads: the roots that it reads, and how, in its shape.
    """

    instructions: list[Instruction]
    shape: tuple[int, ...] | None = None
    layouts: list[Layout] = field(default_factory=list[Layout])
    reads: list[Layout] = field(default_factory=list[Layout])

    @classmethod
    def of(cls, instruction: Instruction, types: Mapping[str, TensorType], layouts: Mapping[str, Layout]) -> "_Draft":
        shape = concrete_shape(types[instruction.results[0]])
        operands = [layouts[reference] for reference in instruction.operands]
        if not is_pointwise(instruction.op) or element_count(shape) < _LEAST:
            return cls([instruction], reads=operands)
        reads = [operand.broadcast(shape) for operand in operands]
        return cls([instruction], shape, [*reads, contiguous(instruction.results[0], shape)], reads)

    def in_shape(self, shape: tuple[int, ...]) -> "_Draft | None":
        """The same over another shape of as many elements; None where an operand cannot be seen in it."""
        layouts = [layout.reshape(shape) for layout in self.layouts]
        if any(layout is None for layout in layouts):
            return None
        found = [layout for layout in layouts if layout is not None]
        return _Draft(self.instructions, shape, found, found[: len(self.reads)])

    def join(self, other: "_Draft") -> None:
        assert self.shape is not None, "only tiles are joined"
        same = other.in_shape(self.shape)
        assert same is not None, "joined what cannot be seen in this shape"
        self.instructions += same.instructions
        self.layouts += same.layouts
        self.reads += same.reads

    def stage(self, most_tiles: int, operations: int) -> Stage:
        if self.shape is None:
            return Stage(tuple(self.instructions), operations=operations)
        shape = tuple(size for size, _ in merge_axes(self.layouts))
        return Stage(tuple(self.instructions), shape, _block(shape, most_tiles), operations)


class Begun:
    """How many stages there are when what stands behind a barrier begins.

    Attributes:
        walls: for each value that is seen through a barrier, how many instructions stand before the barrier.
        places: the place of each instruction that was not moved to the front, by its first result.
        waiting: the barriers that were not reached yet.
        stages: for each barrier that was reached, the number of stages before it.
    """

    def __init__(self, computed: Sequence[Instruction], moved: Sequence[Instruction], walls: Mapping[str, int]) -> None:
        self.walls = walls
        self.places = {item.results[0]: place for place, item in enumerate(computed)} if walls else {}
        for item in moved:
            self.places.pop(item.results[0], None)
        self.waiting = deque(sorted(set(walls.values())))
        self.stages: dict[int, int] = {}

    def note(self, instruction: Instruction, stages: int) -> None:
        """An instruction comes next, after so many stages."""
        place = self.places.get(instruction.results[0], -1)
        while self.waiting and self.waiting[0] <= place:
            self.stages[self.waiting.popleft()] = stages

    def least(self, instruction: Instruction) -> int:
        """The first stage that an instruction may join; -1 where no barrier forbids one."""
        return max((self.stages.get(self.walls.get(item, -1), -1) for item in instruction.operands), default=-1)


def _joinable(
    draft: _Draft, drafts: Sequence[_Draft], made: Mapping[str, int], pinned: Collection[str], least: int
) -> int | None:
    """The latest stage that a pointwise instruction can join, preferably one that computes what it reads.

    None before the stage number `least` is considered.
    """
    if draft.shape is None:
        return None
    earliest = max((made.get(layout.root, -1) for layout in draft.reads), default=-1)
    earliest = max(earliest, least)
    if draft.instructions[0].results[0] in pinned:
        earliest = max(earliest, len(drafts) - 1)
    numbers = range(len(drafts) - 1, max(earliest, 0, len(drafts) - _FARTHEST) - 1, -1)
    preferred = [earliest] if 0 <= earliest < len(drafts) else []
    for number in (*preferred, *numbers):
        shape = drafts[number].shape
        if shape is None or element_count(shape) != element_count(draft.shape):
            continue
        same = draft.in_shape(shape)
        if same is not None and all(made.get(read.root) != number or _is_whole(read) for read in same.reads):
            return number
    return None


def _is_whole(layout: Layout) -> bool:
    """Whether a layout that has as many elements as its root shows each of them once, in order."""
    return layout.offset == 0 and layout.is_contiguous


def iteration_layout(layout: Layout, result: tuple[int, ...], shape: tuple[int, ...]) -> Layout:
    """How an operand of a pointwise instruction lies in memory, in the shape over which the instruction's stage runs.

    Args:
        layout: the operand's layout.
        result: the shape of the instruction's result.
        shape: the stage's shape.
    """
    found = layout.broadcast(result).reshape(shape)
    assert found is not None, "the stage's shape is one in which all of its operands can be seen"
    return found


def _block(shape: tuple[int, ...], most_tiles: int) -> tuple[int, ...]:
    """The largest tile: whole inner axes as far as they fit, part of one axis, and single places along outer axes."""
    left = max(_TILE, -(-element_count(shape) // most_tiles))
    block: list[int] = []
    for size in reversed(shape):
        parts = -(-size // max(1, left))
        block.append(-(-size // parts))  # parts of about the same size
        left = left // size if left >= size else 0
    return tuple(reversed(block))
