"""`PartialStep`: a step whose batch comes in parts, one by one, and is not taken yet; `PartialSteps` takes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from asg_executor.plan.arrays import Array
from asg_executor.sessions.arenas import Arenas
from asg_executor.sessions.graph_set import GraphSet
from asg_executor.sessions.training_steps import Recorder, TrainingSteps

__all__ = ["PartialStep", "PartialSteps"]


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


class PartialSteps:
    """The steps of a session whose parts come one by one.

    Args:
        graphs: the session's graphs.
        arenas: the memory of the state.
        steps: takes the session's steps.
    """

    def __init__(self, graphs: GraphSet, arenas: Arenas, steps: TrainingSteps) -> None:
        self._set = graphs
        self._arenas = arenas
        self._steps = steps

    def begin(self, outputs: Sequence[str] | None) -> PartialStep:
        """Begin the next step, whose parts come one by one. Another one that was begun is no more.

        Args:
            outputs: as for `Session.step`.

        Raises:
            InterfaceError: there is no graph `train`, or no such output.
            MemoryLimitError: there is no room for the sums of gradients.
        """
        chosen, number = self._steps.next_step(outputs)
        if self._steps.gradient_step is not None:
            self._steps.gradient_step.begin_accumulation()
        return PartialStep(number, chosen, self._accumulations())

    def _accumulations(self) -> int:
        return 0 if self._steps.gradient_step is None else self._steps.gradient_step.accumulations

    def goes_on(self, partial: PartialStep) -> bool:
        """Whether a step that was begun can go on: no other one was taken, or begun in parts, since."""
        return partial.is_sound and (partial.number, partial.sums) == (self._steps.number + 1, self._accumulations())

    def add(self, partial: PartialStep, inputs: Mapping[str, Any]) -> dict[str, Array]:
        """Run `train` for a further part. The state stays as it is; what the part leaves shows when the step is taken.

        Args:
            partial: the step, which `goes_on`.
            inputs: as for `Session.step`.

        Returns:
            The part's outputs. A part that fails is none, and may be sent again.

        Raises:
            InterfaceError: an input is missing, or a value does not fit.
            RunError: a node could not be computed for this data.
        """
        arrays = self._steps.arrays(inputs, partial.number, len(partial.answers))
        before = {name: self._arenas.parameters[name].copy() for name in self._set.state_updates}
        try:
            self._put(partial.updates)
            answer = self._steps.run_part(arrays, partial.outputs)
            updates = {name: self._arenas.parameters[name].copy() for name in before}
        finally:
            self._put(before)
        if self._steps.gradient_step is not None:
            partial.is_sound = False  # until all of the sums have it
            self._steps.gradient_step.accumulate()
        partial.updates = updates
        partial.answers.append(answer)
        partial.is_sound = True
        return answer

    def _put(self, values: Mapping[str, Array]) -> None:
        for name, value in values.items():
            self._arenas.parameters[name][...] = value

    def take(self, partial: PartialStep, *, recorder: Recorder | None = None) -> list[dict[str, Array]]:
        """Take the step whose parts came, as `Session.step_micro_batches` does.

        Args:
            partial: the step, which `goes_on`, with one part at least. Where this fails it still does.
            recorder: as for `Session.step`.

        Returns:
            The outputs of each part, in order.

        Raises:
            LearningRateError: the schedule of a learning rate gives no finite one.
            NonFiniteStepError: the step is not finite, and the session takes none such.
        """

        def compute() -> list[dict[str, Array]]:
            self._put(partial.updates)
            if self._steps.gradient_step is not None:
                self._steps.gradient_step.finish_accumulation(len(partial.answers))
            return partial.answers

        return self._steps.commit(partial.number, compute, recorder)
