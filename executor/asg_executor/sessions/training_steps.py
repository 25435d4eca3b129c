"""`TrainingSteps`: how a session takes a step, all of it or nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from asg_executor.errors import InterfaceError
from asg_executor.plan.arrays import Array
from asg_executor.sessions.arenas import Arenas
from asg_executor.sessions.errors import NonFiniteStepError
from asg_executor.sessions.executables import CompiledGraphs
from asg_executor.sessions.gradient_step import GradientStep
from asg_executor.sessions.graph_set import TRAIN, GraphSet, default_outputs
from asg_executor.sessions.inputs import GraphInputs
from asg_executor.sessions.loss_scale import LossScaler, scaled_gradients
from asg_executor.sessions.selection import check_outputs

__all__ = ["NonFinitePolicy", "Recorder", "TrainingSteps"]

Recorder: TypeAlias = Callable[[Sequence[Mapping[str, Array]]], None]
"""What a step is told to before it counts: it gets the outputs of each part, and undoes the step by raising."""

NonFinitePolicy: TypeAlias = Literal["apply", "skip", "fail"]
"""What becomes of a step that leaves NaN or an infinity in the state."""


class TrainingSteps:
    """Takes the steps of a session: runs `train`, applies its gradients, commits its state updates.

    Args:
        graphs: the session's graphs.
        inputs: what they declare about their inputs, by the graph's name.
        gradients: for each parameter that is trained, the output that is its gradient.
        updates: for each parameter that `train` updates itself, the output that is its next value.
        arenas: the memory of the state.
        compiled: the compiled graphs.
        gradient_step: applies the gradients; None where the session has no optimizer.
        non_finite: what becomes of a step that is not finite.
        scaler: the loss scale of the gradients; None where they have none.

    Attributes:
        number: the number of the last step; 0 before the first.
        skipped: whether the last step was taken without its changes, which were not finite.
        gradient_step: as it was given.
    """

    def __init__(
        self,
        graphs: GraphSet,
        inputs: Mapping[str, GraphInputs],
        gradients: Mapping[str, str],
        updates: Mapping[str, str],
        arenas: Arenas,
        compiled: CompiledGraphs,
        gradient_step: GradientStep | None,
        non_finite: NonFinitePolicy,
        scaler: LossScaler | None = None,
    ) -> None:
        self._set = graphs
        self._inputs = inputs
        self._destinations = {output: arenas.gradients[name] for name, output in gradients.items()}
        self._default_outputs = default_outputs(graphs.graphs[TRAIN]) if TRAIN in graphs.graphs else []
        self._updates = updates
        self._arenas = arenas
        self._compiled = compiled
        self._non_finite: NonFinitePolicy = non_finite
        self._scaler = scaler
        self._scaled = scaled_gradients(graphs.graphs[TRAIN]) if scaler is not None else frozenset[str]()
        self.gradient_step = gradient_step
        self.number = 0
        self.skipped = False

    def take(
        self, inputs: Mapping[str, Any], outputs: Sequence[str] | None, recorder: Recorder | None
    ) -> dict[str, Array]:
        """Take the next step, as `Session.step` says."""
        chosen, number = self.next_step(outputs)
        arrays = self.arrays(inputs, number, 0)
        return self.commit(number, lambda: [self.run_part(arrays, chosen)], recorder)[0]

    def take_micro_batches(
        self, micro_batches: Sequence[Mapping[str, Any]], outputs: Sequence[str] | None, recorder: Recorder | None
    ) -> list[dict[str, Array]]:
        """Take the next step with a batch that comes in parts, as `Session.step_micro_batches` says."""
        chosen, number = self.next_step(outputs)
        if not micro_batches:
            raise InterfaceError("there is no micro-batch; at least one is needed")
        arrays: list[dict[str, Array]] = []
        for part, inputs in enumerate(micro_batches):
            try:
                arrays.append(self.arrays(inputs, number, part))
            except InterfaceError as error:
                raise InterfaceError(f"micro-batch {part}: {error}") from None
        return self.commit(number, lambda: self._sum_parts(arrays, chosen), recorder)

    def next_step(self, outputs: Sequence[str] | None) -> tuple[Sequence[str], int]:
        """The outputs that the next step returns, and its number.

        Raises:
            InterfaceError: there is no graph `train`, or no such output.
        """
        document = self._set.graph(TRAIN)
        chosen = self._default_outputs if outputs is None else check_outputs(document, outputs)
        return chosen, self.number + 1

    def arrays(self, inputs: Mapping[str, Any], number: int, part: int) -> dict[str, Array]:
        """All inputs of a part of a step as arrays.

        Raises:
            InterfaceError: an input is missing or unknown, or a value does not fit.
        """
        scale = 1.0 if self._scaler is None else float(self._scaler.scale)
        return self._inputs[TRAIN].all_arrays(inputs, number, part, scale)

    def commit(
        self, number: int, compute: Callable[[], list[dict[str, Array]]], recorder: Recorder | None
    ) -> list[dict[str, Array]]:
        """Have `compute` leave gradients and state updates, and apply them: all of it or nothing."""
        if recorder is None and self._changes_at_once():
            return self._commit_at_once(number, compute)
        if self.gradient_step is not None:
            self.gradient_step.prepare()
        self._arenas.save()
        skipped_before = self.skipped
        try:
            results = compute()
            # The recorder sees the session as it is after the step.
            self.skipped, self.number = self._apply(number), number
            if recorder is not None:
                recorder(results)
        except BaseException:  # an interrupt, too, must leave the state whole
            self.skipped, self.number = skipped_before, number - 1
            self._arenas.restore()
            raise
        return results

    def _changes_at_once(self) -> bool:
        """Whether one call is all of a step that changes the state, and nothing behind it can fail."""
        step = self.gradient_step
        if step is None or self._updates or self._scaler is not None or self._non_finite != "apply":
            return False
        return step.changes_at_once()

    def _commit_at_once(self, number: int, compute: Callable[[], list[dict[str, Array]]]) -> list[dict[str, Array]]:
        """`commit` where one call changes the state: nothing is copied aside, which takes a tenth of a small step.

        Whatever is raised before that call finds the state unchanged. What comes after it is from outside, such as an
        interrupt, and finds the step taken.
        """
        assert self.gradient_step is not None, "it changes the state"
        skipped_before = self.skipped
        done: list[None] = []
        try:
            results = compute()
            self.gradient_step.apply_noted(number, done)
            self.skipped, self.number = False, number
        except BaseException:
            self.skipped, self.number = (False, number) if done else (skipped_before, number - 1)
            raise
        return results

    def _apply(self, number: int) -> bool:
        """Apply the gradients; whether the step is taken without its changes instead, which would not be finite."""
        step, scaler = self.gradient_step, self._scaler
        if step is not None and not step.unscale():
            self._arenas.restore()
            if scaler is not None:
                scaler.back_off()
            return True
        if step is not None:
            step.apply(number)
        skipped = self._check_finite(number)
        if scaler is not None:
            scaler.count_finite()
        return skipped

    def _sum_parts(self, parts: Sequence[Mapping[str, Array]], chosen: Sequence[str]) -> list[dict[str, Array]]:
        """Run `train` for each part, and leave the sums of their gradients."""
        step = self.gradient_step
        if step is not None:
            step.begin_accumulation()
        results: list[dict[str, Array]] = []
        for arrays in parts:
            results.append(self.run_part(arrays, chosen))
            if step is not None:
                step.accumulate()
        if step is not None:
            step.finish_accumulation(len(parts))
        return results

    def _check_finite(self, number: int) -> bool:
        """Take back a step whose result is not finite, where the session says so; whether that was done."""
        if self._non_finite == "apply" or self._arenas.is_finite(self._updates):
            return False
        if self._non_finite == "fail":
            raise NonFiniteStepError(
                f"step {number} would leave numbers in the state that are not finite; it was not taken"
            )
        self._arenas.restore()
        return True

    def run_part(self, arrays: Mapping[str, Array], chosen: Sequence[str]) -> dict[str, Array]:
        """Run `train`: gradients go to the arenas, state updates to their parameters."""
        gradients, updates = self._destinations, self._updates
        needed = tuple(dict.fromkeys((*chosen, *gradients, *updates.values())))
        results = self._compiled.executable(TRAIN, needed, arrays, gradients)(arrays)
        returned = {name: gradients[name].copy() if name in gradients else results[name] for name in chosen}
        self._unscale(returned)
        for name, output in updates.items():
            self._arenas.parameters[name][...] = results[output]
        return returned

    def _unscale(self, returned: dict[str, Array]) -> None:
        """Divide gradients by the loss scale: whoever asks for one gets what the step applies."""
        if self._scaler is not None:
            scale = self._scaler.scale
            for name in self._scaled & returned.keys():
                with np.errstate(over="ignore", invalid="ignore"):
                    returned[name] = np.asarray(np.divide(returned[name], scale), returned[name].dtype)
