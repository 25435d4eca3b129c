"""What becomes of a step, or of a part of one, that was asked for: it was taken, now or before."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from asg_executor.plan.arrays import Array

__all__ = ["TakenPart", "TakenStep"]


class TakenStep(NamedTuple):
    """A step that was taken, now or before.

    Attributes:
        answers: the outputs of each part.
        replayed: whether it was taken before, and these are stored.
        run_seconds: how long it computed.
        persist_seconds: how long it took to have it on disk.
    """

    answers: Sequence[Mapping[str, Array]]
    replayed: bool
    run_seconds: float
    persist_seconds: float


class TakenPart(NamedTuple):
    """A part of a step that was computed, now or before.

    Attributes:
        answer: its outputs, by name.
        digest: the digest of the parts up to this one.
        expected: the number of the step's next part.
        replayed: whether it was computed before.
    """

    answer: Mapping[str, Array]
    digest: str
    expected: int
    replayed: bool
