"""Where the time of a step goes, as the engine tells it."""

import time
from collections.abc import Callable, Sequence
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
        instructions: what it computes.
        results: dtype and shape of each result of the last of them.
        operations: the operations on one element that it takes in a step.
        calls: how often it ran.
        nanoseconds: how long it ran, in all.
    """

    graph: str
    instructions: Sequence[Instruction]
    results: Sequence[str]
    operations: int
    calls: int = 0
    nanoseconds: int = 0

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
        steps: how many were taken.
        nanoseconds: how long they took together.
        pieces: what ran, in the order of the first step.
    """

    engine: str
    steps: int = 0
    nanoseconds: int = 0
    pieces: list[Piece] = field(default_factory=list[Piece])

    @property
    def product_share(self) -> float:
        """The part of the time in which matrix products and convolutions were computed, with what is fused to them."""
        return sum(piece.nanoseconds for piece in self.pieces if piece.has_product) / self.nanoseconds

    @property
    def rest_nanoseconds(self) -> int:
        """The time between the pieces: copies of inputs and results, and Python."""
        return self.nanoseconds - sum(piece.nanoseconds for piece in self.pieces)


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
    for piece in found.values():
        piece.calls = piece.nanoseconds = 0
    profile = Profile(session.engine)
    begin = time.perf_counter_ns()
    while profile.nanoseconds < seconds * 1e9:
        step()
        profile.steps += 1
        profile.nanoseconds = time.perf_counter_ns() - begin
    profile.pieces = list(found.values())
    return profile


def _recorder(
    graph: str, plan: Plan, found: dict[tuple[str, tuple[int, ...]], Piece]
) -> Callable[[Sequence[Instruction], int], None]:
    types = plan.program.types

    def record(instructions: Sequence[Instruction], nanoseconds: int) -> None:
        key = (graph, tuple(map(id, instructions)))
        piece = found.get(key)
        if piece is None:
            results = [str(types[name]) for name in instructions[-1].results]
            piece = found[key] = Piece(
                graph, instructions, results, sum(operations(item, types) for item in instructions)
            )
        piece.calls += 1
        piece.nanoseconds += nanoseconds

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
