"""Where the time of a step goes, as the engine tells it."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from asg_executor import Session
from asg_executor.plan.cost import operations
from asg_executor.plan.plan import Plan
from asg_executor.plan.program import Instruction
from asg_schema.op import Op
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.window import Conv

__all__ = ["Piece", "Profile", "product_operations", "profiled"]

_PRODUCTS: tuple[type[Op], ...] = (Matmul, Conv)
_WARM_STEPS = 3


@dataclass
class Piece:
    """What the engine computes at once: one instruction, or several that are fused.

    Attributes:
        graph: the name of the session's graph; `optimizer` for what applies the gradients.
        instructions: what it computes; none where it only prepares something for others.
        results: dtype and shape of each result of the last of them.
        operations: the operations on one element that it takes in a step.
        each: how long it ran in each step, in nanoseconds.
        calls: how often it ran in the last step.
        running: how long it has run in the step that is under way, and how often.
    """

    graph: str
    instructions: Sequence[Instruction]
    results: Sequence[str]
    operations: int
    each: list[int] = field(default_factory=list[int])
    calls: int = 0
    running: tuple[int, int] = (0, 0)

    def ran(self, nanoseconds: int) -> None:
        """Note that it ran for so long."""
        before, calls = self.running
        self.running = before + nanoseconds, calls + 1

    def end_step(self) -> None:
        """Note what ran since the last step."""
        nanoseconds, self.calls = self.running
        self.each.append(nanoseconds)
        self.running = 0, 0

    @property
    def has_product(self) -> bool:
        """Whether a matrix product or a convolution is among the instructions."""
        return any(isinstance(item.op, _PRODUCTS) for item in self.instructions)

    @property
    def ops(self) -> str:
        """The names of the instructions' ops in order, each with how often it comes in a row."""
        names: list[list[str]] = []
        for item in self.instructions:
            if names and names[-1][0] == item.op.name:
                names[-1].append(item.op.name)
            else:
                names.append([item.op.name])
        return " ".join(group[0] if len(group) == 1 else f"{group[0]} x{len(group)}" for group in names)

    @property
    def nodes(self) -> list[str]:
        """The document's nodes that the instructions come from, each once."""
        return list(dict.fromkeys(item.origin.id for item in self.instructions))


@dataclass
class Profile:
    """The pieces of a step, and how long all of it took.

    Attributes:
        engine: the engine's name.
        each: how long each step took, in nanoseconds.
        pieces: what ran, in the order of the first step.
    """

    engine: str
    each: list[int]
    pieces: list[Piece]

    def part(self, pieces: Iterable[Piece]) -> float:
        """The part of the time of all steps in which these ran."""
        return sum(sum(piece.each) for piece in pieces) / sum(self.each)

    @property
    def product_share(self) -> float:
        """The part in which matrix products and convolutions were computed, with what is fused to them."""
        return self.part(piece for piece in self.pieces if piece.has_product)


def profiled(session: Session, step: Callable[[], object], *, seconds: float) -> Profile:
    """Take steps for a while, and tell how long each piece of them took.

    A piece that runs tile by tile is timed at each tile. Telling takes a part of a microsecond each time.

    Args:
        session: what computes. It tells of its pieces from now on, and is not to be timed otherwise.
        step: has it take a step, or answer.
        seconds: how long.
    """
    for _ in range(_WARM_STEPS):
        step()
    found: dict[tuple[str, tuple[int, ...]], Piece] = {}
    for graph, executable in session.executables():
        executable.record_times(_recorder(graph, executable.plan, found))
    step()  # the first time makes the pieces
    pieces = list(found.values())
    for piece in pieces:
        piece.running = 0, 0
    each: list[int] = []
    end = time.perf_counter_ns() + seconds * 1e9
    while not each or time.perf_counter_ns() < end:
        begin = time.perf_counter_ns()
        step()
        each.append(time.perf_counter_ns() - begin)
        for piece in pieces:
            piece.end_step()
    return Profile(session.engine, each, pieces)


def _recorder(
    graph: str, plan: Plan, found: dict[tuple[str, tuple[int, ...]], Piece]
) -> Callable[[Sequence[Instruction], int], None]:
    types = plan.program.types
    known: dict[int, Piece] = {}  # by the identity of the sequence, which the engine keeps

    def record(instructions: Sequence[Instruction], nanoseconds: int) -> None:
        piece = known.get(id(instructions))
        if piece is None:
            key = (graph, tuple(map(id, instructions)))  # tiles of one instruction are one piece
            if key not in found:
                results = [str(types[name]) for item in instructions[-1:] for name in item.results]
                operation_count = sum(operations(item, types) for item in instructions)
                found[key] = Piece(graph, instructions, results, operation_count)
            piece = known[id(instructions)] = found[key]
        piece.ran(nanoseconds)

    return record


def product_operations(session: Session) -> int:
    """The operations of the matrix products and convolutions of what a session has compiled, each run once."""
    return sum(_in_plan(executable.plan) for _, executable in session.executables())


def _in_plan(plan: Plan) -> int:
    return sum(
        operations(item, plan.program.types)
        for stage in plan.stages
        for item in stage.instructions
        if isinstance(item.op, _PRODUCTS)
    )
