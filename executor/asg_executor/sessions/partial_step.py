"""`PartialStep`: a step whose batch comes in parts, one by one, and is not taken yet."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from asg_executor.plan.arrays import Array

__all__ = ["PartialStep"]


@dataclass(slots=True)
class PartialStep:
    """What the parts of the next step have led to so far, beside the state, which does not show it.

    The sums of the gradients lie where every step has them. So another step in parts takes its place.

    Attributes:
        number: the number of the step.
        outputs: the outputs that each part answers.
        sums: which of the accumulations of the session the sums belong to.
        updates: the state updates after the last part, by parameter.
        answers: the outputs of each part, by name.
        is_sound: whether the sums hold all parts and no more.
    """

    number: int
    outputs: Sequence[str]
    sums: int
    updates: dict[str, Array] = field(default_factory=dict[str, Array])
    answers: list[dict[str, Array]] = field(default_factory=list[dict[str, Array]])
    is_sound: bool = True
