"""`Session`: graphs that share parameters, and steps that train these."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from asg_executor.engines.engine import Engine, Executable
from asg_executor.engines.lookup import engine_named
from asg_executor.errors import InterfaceError
from asg_executor.optimizers.choice import parse_optimizer
from asg_executor.optimizers.optimizer import Optimizer
from asg_executor.optimizers.rule import Rule
from asg_executor.plan.arrays import Array
from asg_executor.plan.binding import check_names
from asg_executor.sessions.arenas import Arenas, required_bytes
from asg_executor.sessions.assignment import assign_parameters
from asg_executor.sessions.errors import SessionError
from asg_executor.sessions.executables import CompiledGraphs
from asg_executor.sessions.gradient_step import GradientStep
from asg_executor.sessions.graph_set import GraphSet
from asg_executor.sessions.initialization import initial_value
from asg_executor.sessions.inputs import GraphInputs
from asg_executor.sessions.loss_scale import loss_scaler
from asg_executor.sessions.master_weights import computed_graphs
from asg_executor.sessions.memory import claim_memory
from asg_executor.sessions.parameter_values import as_declared, checked_values
from asg_executor.sessions.partial_step import PartialSteps
from asg_executor.sessions.precision import Precision, contraction_dtype, parse_precision
from asg_executor.sessions.random_keys import MOST_SEED
from asg_executor.sessions.selection import select_outputs
from asg_executor.sessions.state_arrays import check_state, state_digest
from asg_executor.sessions.training_steps import NonFinitePolicy, Recorder, TrainingSteps
from asg_schema.document import Document, Parameter
from asg_schema.errors import Problem

__all__ = ["Session", "WhichParameters"]

WhichParameters: TypeAlias = Literal["current", "average"]
"""Which values of the parameters: as the last step left them, or their average over the steps."""


class Session:
    """Documents, the parameters that they share, and an optimizer that trains them.

    A step runs the graph `train`, applies the gradients among its outputs through the optimizer, and commits its state
    updates. A step that fails, for whatever reason, changes nothing. A session is not to be used by two threads at a
    time.

    Args:
        graphs: valid documents by the name that the session gives them. Parameters of one name are one parameter.
        optimizer: its JSON form (`{"kind": "sgd", "learning_rate": 0.1}`), an `Optimizer` or a `Rule`; needed exactly
            where `train` has gradients.
        seed: from 0 to 2⁶⁴ - 1. It determines the initial values and the random keys.
        engine: the engine's name; "auto" is the fastest that is installed.
        parameters: first values, by name, of the declared dtypes and shapes; the others get their initial values.
        memory_limit: how many bytes one compiled program may take, all of them together that are kept, and the
            parameters with their gradients, slots and backup; None for no limit.
        non_finite: what becomes of a step after which a trained parameter, a slot, an average or an updated state has
            NaN or an infinity: "apply" takes it, "skip" takes it without its changes, "fail" does not take it.
        precision: "as_written", or "mixed" or the full JSON form of that: contractions in 16 bits. Where `train` has an
            input for a loss scale, a step whose gradients are not finite is then taken without its changes.

    Attributes:
        partial_steps: steps whose parts come one by one.

    Raises:
        SessionError: the graphs do not fit together, or the optimizer or the precision does not fit them.
        OptimizerError: the optimizer's settings are not valid, or do not fit the parameters.
        InterfaceError: a first value has an unknown name or another dtype or shape.
        InitializationError: an initialiser describes no distribution.
        UnknownEngineError: there is no such engine.
        MemoryLimitError: the parameters would take more memory than they may.
    """

    def __init__(
        self,
        graphs: Mapping[str, Document],
        optimizer: Mapping[str, Any] | Optimizer | Rule | None = None,
        seed: int = 0,
        engine: str = "auto",
        parameters: Mapping[str, Any] | None = None,
        memory_limit: int | None = None,
        non_finite: NonFinitePolicy = "apply",
        precision: Mapping[str, Any] | Precision | Literal["mixed"] = "as_written",
    ) -> None:
        if not 0 <= seed <= MOST_SEED:
            raise SessionError([Problem("/seed", "invalid_value", f"a seed is from 0 to 2**64 - 1, not {seed}")])
        self._set = GraphSet.of(graphs)
        self._optimizer = None if optimizer is None else parse_optimizer(optimizer)
        self._precision: Precision = parse_precision(precision)
        self._scaler = loss_scaler(self._set, self._precision)
        self._computed = computed_graphs(self._set, self._precision)
        self._assignments = assign_parameters(self._computed, self._optimizer)
        # A parameter that is frozen has a gradient, which is not computed.
        names = {name for assignment in self._assignments for name in assignment.names}
        self._gradients = {name: output for name, output in self._computed.gradients.items() if name in names}
        self._engine: Engine = engine_named(engine)
        self._seed = seed
        self._inputs = {name: GraphInputs(document, seed) for name, document in self._set.graphs.items()}
        self._memory_limit = memory_limit
        average = self._optimizer is not None and self._optimizer.average_decay is not None
        self._required_bytes = required_bytes(self._computed.parameters.values(), self._assignments, average=average)
        self._claim = claim_memory(self._set.graphs, self._required_bytes, memory_limit)
        shared = None if self._scaler is None else self._scaler.state
        self._arenas = Arenas(
            self._computed.parameters, self._assignments, self._engine.copier, average=average, shared=shared
        )
        computed, dtype = self._computed.graphs, contraction_dtype(self._precision)
        self._compiled = CompiledGraphs(self._engine, computed, self._arenas.parameters, memory_limit, dtype)
        gradient_step: GradientStep | None = None
        if self._optimizer is not None:
            scale = None if self._scaler is None else self._scaler.scale
            gradient_step = GradientStep(self._engine, self._optimizer, self._arenas, memory_limit, scale)
        self._steps = TrainingSteps(
            self._set,
            self._inputs,
            self._gradients,
            self._computed.state_updates,
            self._arenas,
            self._compiled,
            gradient_step,
            non_finite,
            self._scaler,
        )
        self.partial_steps = PartialSteps(self._set, self._arenas, self._steps)
        first = checked_values(self._computed.parameters, parameters or {})
        for name, parameter in self._set.parameters.items():
            self._write(name, first[name] if name in first else initial_value(parameter, seed))

    def _write(self, name: str, value: Array) -> None:
        """Give a parameter a value. Before the first step its average is that value, too."""
        self._arenas.parameters[name][...] = value
        if self._steps.number == 0 and name in self._arenas.averages:
            self._arenas.averages[name][...] = value

    @property
    def number(self) -> int:
        """The number of the last step; 0 before the first."""
        return self._steps.number

    @property
    def skipped(self) -> bool:
        """Whether the last step was taken without its changes, which were not finite."""
        return self._steps.skipped

    @property
    def required_bytes(self) -> int:
        """The memory of the parameters with their gradients, slots, averages and backup, in bytes."""
        return self._required_bytes

    @property
    def compiled_bytes(self) -> int:
        """The memory of the compiled graphs that are kept, in bytes, about."""
        return self._compiled.held_bytes

    def executables(self) -> Iterator[tuple[str, Executable]]:
        """What is compiled at present: each graph under its name, and what applies gradients as `optimizer`."""
        yield from self._compiled
        for executable in self._steps.gradient_step or ():
            yield "optimizer", executable

    @property
    def seed(self) -> int:
        """The seed."""
        return self._seed

    @property
    def engine(self) -> str:
        """The name of the engine."""
        return self._engine.name

    @property
    def precision(self) -> Precision:
        """In which dtype it computes what its documents have in float32."""
        return self._precision

    @property
    def loss_scale(self) -> float | None:
        """What the gradients of the next step are multiplied by; None where they are not scaled."""
        return None if self._scaler is None else float(self._scaler.scale)

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer's settings."""
        return self._optimizer

    @property
    def graphs(self) -> Mapping[str, Document]:
        """The documents, by the names that the session gives them."""
        return self._set.graphs

    def graph(self, name: str) -> Document:
        """The document that the session knows by this name.

        Raises:
            InterfaceError: there is none.
        """
        return self._set.graph(name)

    @property
    def declarations(self) -> Mapping[str, Parameter]:
        """What the graphs declare about each parameter, by name."""
        return self._set.parameters

    @property
    def trained(self) -> frozenset[str]:
        """The names of the parameters that a step updates through the optimizer."""
        return frozenset(self._gradients)

    def digest(self) -> str:
        """The SHA-256, in hexadecimal, of the state, which is what `state` returns, and of the number of the step."""
        return self._arenas.digest(self._steps.number)

    def state(self) -> dict[str, Array]:
        """A copy of all that a step changes, by part and parameter: `value:weight`, `first_moment:weight` and so on.

        Where gradients are scaled, `loss_scale:` and `finite_steps:` are among it.
        """
        return {name: array.copy() for name, array in self._arenas.named_state().items()}

    def digest_of(self, number: int, state: Mapping[str, Array]) -> str:
        """What `digest` would be after `restore`, which is not called.

        Args:
            number: the number of the step.
            state: what `state` returned then, in a session with the same graphs and optimizer.

        Raises:
            InterfaceError: the state is that of another session.
        """
        own = self._arenas.named_state()
        check_state(state, own)
        return state_digest(number, state, own)

    def restore(self, number: int, state: Mapping[str, Array], *, skipped: bool = False) -> None:
        """Make the session what it was after a step.

        Args:
            number: the number of the step.
            state: what `state` returned then, in a session with the same graphs and optimizer.
            skipped: what `skipped` was then.

        Raises:
            InterfaceError: the state is that of another session. Nothing is changed then.
        """
        own = self._arenas.named_state()
        check_state(state, own)
        for name, array in own.items():
            array[...] = state[name]
        self._steps.number, self._steps.skipped = number, skipped

    def restore_parameters(self, number: int, state: Mapping[str, Array]) -> None:
        """Give the parameters the values that they had after a step, and begin anew with all else.

        Args:
            number: the number of the step, which becomes the session's.
            state: what `state` returned then, in a session with the same parameters.

        Raises:
            InterfaceError: the state is that of other parameters. Nothing is changed then.
        """
        prefix = "value:"
        values = {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}
        arrays = checked_values(self._computed.parameters, values)
        check_names("parameter", arrays, self._set.parameters)
        for name, array in arrays.items():
            self._arenas.parameters[name][...] = array
        self._arenas.begin_anew()
        if self._scaler is not None:
            self._scaler.begin_anew()
        self._steps.number, self._steps.skipped = number, False

    def parameters(self) -> dict[str, Array]:
        """A copy of every parameter, by name, in the dtype that the graphs declare."""
        return as_declared(self._set.parameters, self._arenas.parameters)

    def copy_parameters(self, destinations: Mapping[str, Array]) -> None:
        """Copy the values of parameters into arrays of their dtypes and shapes.

        Args:
            destinations: an array for each parameter that is wanted, by name.
        """
        source = self._arenas.parameters if self._computed is self._set else self.parameters()
        for name, destination in destinations.items():
            np.copyto(destination, source[name], casting="no")

    def averaged_parameters(self) -> dict[str, Array]:
        """A copy of every parameter, by name: of the trained ones the average over the steps, of others the value.

        Raises:
            InterfaceError: the session keeps no average.
        """
        self._check_average()
        return as_declared(self._set.parameters, {**self._arenas.parameters, **self._arenas.averages})

    def _averages(self) -> dict[str, Array]:
        """A copy of the average of each trained parameter, in the dtype in which the session keeps the parameter."""
        values = self._arenas.parameters
        return {name: view.astype(values[name].dtype) for name, view in self._arenas.averages.items()}

    def _check_average(self) -> None:
        if self._optimizer is None or self._optimizer.average_decay is None:
            raise InterfaceError("the session keeps no average of its parameters; average_decay of its optimizer does")

    def set_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Replace the values of these parameters; others, slots, and averages after the first step, stay as they are.

        Args:
            parameters: new values by name, of the declared shapes; floats may be of another width.

        Raises:
            InterfaceError: a name is unknown, or a value has another dtype or shape. Nothing is replaced then.
        """
        for name, value in checked_values(self._computed.parameters, parameters).items():
            self._write(name, value)

    def run(
        self,
        graph: str,
        inputs: Mapping[str, Any],
        outputs: Sequence[str] | None = None,
        parameters: WhichParameters = "current",
    ) -> dict[str, Array]:
        """Run a graph with the parameters as they are. It changes nothing.

        Args:
            graph: the graph's name.
            inputs: values by input id; arrays have the declared dtype and shape, Python numbers and lists take the
                declared dtype. Random keys may be left out.
            outputs: the names of the outputs to compute; None for all that are neither gradients nor state updates
                and for which the inputs suffice.
            parameters: with which values of the parameters: "current", or "average".

        Returns:
            A new array for each output.

        Raises:
            InterfaceError: there is no such graph, output or input, a value does not fit, or no average is kept.
            RunError: a node could not be computed for this data.
        """
        document = self.graph(graph)
        arrays = self._inputs[graph].arrays(inputs, 0)
        chosen = select_outputs(document, outputs, arrays)
        averages: dict[str, Array] = {}
        if parameters == "average":
            self._check_average()
            averages = self._averages()
        executable = self._compiled.executable(graph, chosen, arrays, unbound=averages)
        return executable({**arrays, **averages})

    def step(
        self, inputs: Mapping[str, Any], outputs: Sequence[str] | None = None, *, recorder: Recorder | None = None
    ) -> dict[str, Array]:
        """Take the next step: run `train`, apply its gradients, commit its state updates.

        Args:
            inputs: values by input id, as for `run`.
            outputs: the names of the outputs to return, computed before the update; None for all that are neither
                gradients nor state updates.
            recorder: called with the outputs once the state is that after the step; if it raises, the step is undone.

        Returns:
            A new array for each output.

        Raises:
            InterfaceError: there is no graph `train`, an input is missing, or a value does not fit.
            RunError: a node could not be computed for this data.
            LearningRateError: the schedule of a learning rate gives no finite one.
            NonFiniteStepError: the step is not finite, and the session takes none such.
            BaseException: what comes from outside, such as an interrupt, finds the step taken whole or not at all;
                `number` tells which.
        """
        return self._steps.take(inputs, outputs, recorder)

    def step_micro_batches(
        self,
        micro_batches: Sequence[Mapping[str, Any]],
        outputs: Sequence[str] | None = None,
        *,
        recorder: Recorder | None = None,
    ) -> list[dict[str, Array]]:
        """Take the next step with a batch that comes in parts: run `train` for each, apply their gradients once.

        The gradients are summed in order, or averaged where the optimizer's `accumulation` is "mean". Each part sees
        the state updates of those before it, and has random keys of its own. Parts may differ in size; a mean counts
        them alike.

        Args:
            micro_batches: the inputs of each part, as for `step`.
            outputs: as for `step`.
            recorder: as for `step`.

        Returns:
            The outputs of each part, in order.

        Raises:
            InterfaceError: there is no part, or as for `step`.
            RunError: a node could not be computed for this data.
            LearningRateError: the schedule of a learning rate gives no finite one.
        """
        return self._steps.take_micro_batches(micro_batches, outputs, recorder)
