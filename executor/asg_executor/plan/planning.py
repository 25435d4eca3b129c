"""Planning: a simplified program becomes a `Plan`."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from asg_executor.plan.arrays import Array, stored_elements
from asg_executor.plan.grouping import group
from asg_executor.plan.layout import Layout, contiguous, natural_strides
from asg_executor.plan.placement import Placement
from asg_executor.plan.plan import Plan, Stage
from asg_executor.plan.program import Instruction, Program
from asg_executor.plan.views import view_of
from asg_schema.ops.control import Barrier

__all__ = ["Layouts", "find_layouts", "finish_plan", "make_plan"]


def make_plan(program: Program, bound: Mapping[str, Array], destinations: Mapping[str, Array]) -> Plan:
    """Decide order, views and memory.

    Args:
        program: what `simplify` makes.
        bound: arrays from which a source is read in place, by the source's id.
        destinations: arrays into which an output is written, by the output's name.

    Raises:
        InterfaceError: two destinations overlap.
    """
    found = find_layouts(program)
    pinned = {found.of[program.outputs[name]].root for name in destinations}
    stages = group(found.computed, program.types, found.of, pinned, found.walls)
    return finish_plan(program, stages, found.of, bound, destinations)


def finish_plan(
    program: Program,
    stages: Sequence[Stage],
    layouts: Mapping[str, Layout],
    bound: Mapping[str, Array],
    destinations: Mapping[str, Array],
) -> Plan:
    """Decide where every value lies, the stages being known. See `make_plan`."""
    in_place = {name: array for name, array in bound.items() if array.flags.c_contiguous}
    placement = Placement(program, stages, layouts, in_place, destinations)
    placement.run()
    used = {layouts[reference].root for reference in program.outputs.values()}
    used.update(layouts[operand].root for stage in stages for item in stage.instructions for operand in item.operands)
    return Plan(
        program=program,
        stages=stages,
        layouts=layouts,
        places=placement.places,
        inputs=tuple(name for name in program.sources if name not in in_place and name in used),
        returned={name: value for name, value in program.outputs.items() if name not in destinations},
        written={name: program.outputs[name] for name in destinations if name not in placement.direct},
        arena_bytes=placement.arena_bytes,
        tile_bytes=placement.tile_bytes,
        constant_bytes=sum(stored_elements(array).nbytes for array in program.constants.values()),
    )


class Layouts(NamedTuple):
    """Which instructions of a program are only views.

    Attributes:
        of: how each value lies in its root's memory.
        computed: the instructions that are not views, in order.
        walls: for each value that is seen through a barrier, how many of `computed` stand before the barrier.
    """

    of: dict[str, Layout]
    computed: list[Instruction]
    walls: dict[str, int]


def find_layouts(program: Program) -> Layouts:
    """The layout of every value of a program."""
    types = program.types
    layouts = {name: contiguous(name, types[name].shape) for name in program.sources}  # pyright: ignore[reportArgumentType] - without symbols
    layouts.update((name, _constant_layout(name, array)) for name, array in program.constants.items())
    computed: list[Instruction] = []
    walls: dict[str, int] = {}
    for instruction in program.instructions:
        (result, *others) = instruction.results
        if len(instruction.operands) == 1:
            (operand,) = instruction.operands
            view = view_of(instruction.op, layouts[operand], types[operand], types[result])
            if view is not None:
                layouts[result] = view
                if isinstance(instruction.op, Barrier):
                    walls[result] = len(computed)
                elif operand in walls:
                    walls[result] = walls[operand]
                continue
        computed.append(instruction)
        layouts.update((name, contiguous(name, types[name].shape)) for name in (result, *others))  # pyright: ignore[reportArgumentType] - without symbols
    return Layouts(layouts, computed, walls)


def _constant_layout(name: str, array: Array) -> Layout:
    """Only the elements that differ are stored, row-major; along a repeated axis the stride is 0."""
    stored = tuple(1 if stride == 0 else size for size, stride in zip(array.shape, array.strides, strict=True))
    strides = tuple(
        0 if stride == 0 else natural for stride, natural in zip(array.strides, natural_strides(stored), strict=True)
    )
    return Layout(name, array.shape, strides)
