"""How much memory a plan needs at least: what lives at one time."""

from asg_executor.plan.arrays import concrete_shape
from asg_executor.plan.layout import element_count
from asg_executor.plan.plan import Plan

__all__ = ["live_bytes"]


def live_bytes(plan: Plan) -> int:
    """The most bytes of the arena that hold values at one time, the order of the stages being as it is.

    An arena without gaps and without alignment would be as large. A value lives from the stage that computes it, an
    input from the beginning, to the last stage that reads it; an output to the end. What is computed over a dying value
    counts once.
    """
    last = _last_reads(plan)
    living = {name for name in plan.program.sources if name in last and plan.places[name].kind == "arena"}
    most = _bytes(plan, living)
    for number, stage in enumerate(plan.stages):
        made = {result for item in stage.instructions for result in item.results} - stage.local
        living |= {root for root in made if plan.places[root].kind == "arena"}
        most = max(most, _bytes(plan, living))
        living = {root for root in living if last.get(root, -1) > number}
    return most


def _last_reads(plan: Plan) -> dict[str, int]:
    """The number of the last stage that reads each root; for an output that of all stages."""
    last = {
        plan.layouts[operand].root: number
        for number, stage in enumerate(plan.stages)
        for item in stage.instructions
        for operand in item.operands
    }
    last.update((plan.layouts[value].root, len(plan.stages)) for value in plan.program.outputs.values())
    return last


def _bytes(plan: Plan, roots: set[str]) -> int:
    """The size of some roots of the arena; of those at one place, the larger."""
    sizes: dict[int, int] = {}
    for root in roots:
        type = plan.program.types[root]
        begin = plan.places[root].begin
        size = element_count(concrete_shape(type)) * type.dtype.itemsize
        sizes[begin] = max(sizes.get(begin, 0), size)
    return sum(sizes.values())
