"""`Session`: graphs that share parameters, and steps that train these."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from asg_executor.engines.engine import Engine, Executable
from asg_executor.engines.lookup import engine_named
from asg_executor.errors import InterfaceError, MemoryLimitError
from asg_executor.optimizers.choice import parse_optimizer
from asg_executor.optimizers.optimizer import LENGTH, Optimizer, update_document
from asg_executor.plan.arrays import Array
from asg_executor.plan.binding import bind_symbols, check_names
from asg_executor.plan.coercion import as_array
from asg_executor.sessions.arenas import Arena, Arenas, required_bytes
from asg_executor.sessions.errors import SessionError
from asg_executor.sessions.executables import ExecutableCache, ExecutableKey
from asg_executor.sessions.graph_set import TRAIN, GraphSet, default_outputs
from asg_executor.sessions.initialization import initial_value
from asg_executor.sessions.random_keys import MOST_SEED, step_key
from asg_executor.sessions.selection import check_outputs, rng_key_inputs, select_outputs, selected
from asg_schema.document import Document, Parameter
from asg_schema.errors import Problem
from asg_schema.tensor_type import TensorType

__all__ = ["Session"]


class Session:
    """Documents, the parameters that they share, and an optimizer that trains them.

    A step runs the graph `train`, applies the gradients among its outputs through the optimizer, and commits its state
    updates. A step that fails, for whatever reason, changes nothing. A session is not to be used by two threads at a
    time.

    Args:
        graphs: valid documents by the name that the session gives them. Parameters of one name are one parameter.
        optimizer: its JSON form (`{"kind": "sgd", "learning_rate": 0.1}`) or an `Optimizer`; needed exactly where
            `train` has gradients.
        seed: from 0 to 2⁶⁴ - 1. It determines the initial values and the random keys.
        engine: the engine's name; "auto" is the fastest that is installed.
        parameters: first values, by name, of the declared dtypes and shapes; the others get their initial values.
        memory_limit: how many bytes one compiled program may take, all of them together that are kept, and the
            parameters with their gradients, slots and backup; None for no limit.

    Raises:
        SessionError: the graphs do not fit together, or the optimizer is missing or has nothing to do.
        OptimizerError: the optimizer's settings are not valid.
        InterfaceError: a first value has an unknown name or another dtype or shape.
        InitializationError: an initialiser describes no distribution.
        UnknownEngineError: there is no such engine.
        MemoryLimitError: the parameters would take more memory than they may.
    """

    def __init__(
        self,
        graphs: Mapping[str, Document],
        optimizer: Mapping[str, Any] | Optimizer | None = None,
        seed: int = 0,
        engine: str = "auto",
        parameters: Mapping[str, Any] | None = None,
        memory_limit: int | None = None,
    ) -> None:
        if not 0 <= seed <= MOST_SEED:
            raise SessionError([Problem("/seed", "invalid_value", f"a seed is from 0 to 2**64 - 1, not {seed}")])
        self._set = GraphSet.of(graphs)
        self._optimizer = None if optimizer is None else parse_optimizer(optimizer)
        self._check_optimizer()
        self._engine: Engine = engine_named(engine)
        self._seed = seed
        self._number = 0
        self._memory_limit = memory_limit
        self._check_memory()
        self._arenas = Arenas(self._set.parameters, self._set.gradients, self._optimizer)
        first = self._checked(parameters or {})
        for name, parameter in self._set.parameters.items():
            self._arenas.parameters[name][...] = first[name] if name in first else initial_value(parameter, seed)
        self._executables = ExecutableCache(memory_limit)
        self._updates: list[Executable] | None = None

    def _check_optimizer(self) -> None:
        if self._set.gradients and self._optimizer is None:
            message = f"{TRAIN} has gradients; an optimizer is needed to apply them"
            raise SessionError([Problem("/optimizer", "missing_field", message)])
        if self._optimizer is not None and not self._set.gradients:
            reason = (
                f'"{TRAIN}" has no gradient of a trainable parameter among its outputs; a document as `grad` returns '
                "it is needed"
                if TRAIN in self._set.graphs
                else f'there is no graph "{TRAIN}"'
            )
            raise SessionError([Problem("/optimizer", "nothing_to_train", f"there is nothing to optimize: {reason}")])

    def _check_memory(self) -> None:
        needed = required_bytes(self._set.parameters.values(), self._set.gradients, self._optimizer)
        if self._memory_limit is not None and needed > self._memory_limit:
            raise MemoryLimitError(
                f"the parameters with their gradients, optimizer slots and backup take {needed} bytes; "
                f"at most {self._memory_limit} are allowed"
            )

    @property
    def number(self) -> int:
        """The number of the last step; 0 before the first."""
        return self._number

    @property
    def seed(self) -> int:
        """The seed."""
        return self._seed

    @property
    def engine(self) -> str:
        """The name of the engine."""
        return self._engine.name

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
        document = self._set.graphs.get(name)
        if document is None:
            known = ", ".join(f'"{item}"' for item in self._set.graphs)
            raise InterfaceError(f'there is no graph "{name}" in this session; it has {known}')
        return document

    @property
    def declarations(self) -> Mapping[str, Parameter]:
        """What the graphs declare about each parameter, by name."""
        return self._set.parameters

    @property
    def trained(self) -> frozenset[str]:
        """The names of the parameters that a step updates through the optimizer."""
        return frozenset(self._set.gradients)

    def digest(self) -> str:
        """The SHA-256, in hexadecimal, of the state: parameters, the optimizer's slots and the number of the step."""
        return self._arenas.digest(self._number)

    def parameters(self) -> dict[str, Array]:
        """A copy of every parameter, by name."""
        return {name: view.copy() for name, view in self._arenas.parameters.items()}

    def set_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Replace the values of these parameters; others, and the optimizer's slots, stay as they are.

        Args:
            parameters: new values by name, of the declared dtypes and shapes.

        Raises:
            InterfaceError: a name is unknown, or a value has another dtype or shape. Nothing is replaced then.
        """
        for name, value in self._checked(parameters).items():
            self._arenas.parameters[name][...] = value

    def run(self, graph: str, inputs: Mapping[str, Any], outputs: Sequence[str] | None = None) -> dict[str, Array]:
        """Run a graph with the parameters as they are. It changes nothing.

        Args:
            graph: the graph's name.
            inputs: values by input id; arrays have the declared dtype and shape, Python numbers and lists take the
                declared dtype. Random keys may be left out.
            outputs: the names of the outputs to compute; None for all that are neither gradients nor state updates
                and for which the inputs suffice.

        Returns:
            A new array for each output.

        Raises:
            InterfaceError: there is no such graph, output or input, or a value does not fit.
            RunError: a node could not be computed for this data.
        """
        document = self.graph(graph)
        arrays = self._arrays(document, inputs, 0)
        chosen = select_outputs(document, outputs, arrays)
        return self._executable(graph, chosen, arrays, {})(arrays)

    def step(self, inputs: Mapping[str, Any], outputs: Sequence[str] | None = None) -> dict[str, Array]:
        """Take the next step: run `train`, apply its gradients, commit its state updates.

        Args:
            inputs: values by input id, as for `run`.
            outputs: the names of the outputs to return, computed before the update; None for all that are neither
                gradients nor state updates.

        Returns:
            A new array for each output.

        Raises:
            InterfaceError: there is no graph `train`, an input is missing, or a value does not fit.
            RunError: a node could not be computed for this data.
        """
        document = self.graph(TRAIN)
        chosen = default_outputs(document) if outputs is None else check_outputs(document, outputs)
        number = self._number + 1
        arrays = self._arrays(document, inputs, number)
        check_names("input", arrays, [item.id for item in document.inputs])
        needed = list(dict.fromkeys([*chosen, *self._set.gradients.values(), *self._set.state_updates.values()]))
        gradients = {output: self._arenas.gradients[name] for name, output in self._set.gradients.items()}
        results = self._executable(TRAIN, needed, arrays, gradients)(arrays)
        returned = {name: gradients[name].copy() if name in gradients else results[name] for name in chosen}
        self._commit(number, results)
        return returned

    def _commit(self, number: int, results: Mapping[str, Array]) -> None:
        """Apply the gradients that lie in the arenas and the state updates in `results`: all of it or nothing."""
        updates = self._compiled_updates()
        step = {"step": np.array(number, np.int64)}
        self._arenas.save()
        try:
            for update in updates:
                update(step)
            for name, output in self._set.state_updates.items():
                self._arenas.parameters[name][...] = results[output]
        except BaseException:  # an interrupt, too, must leave the state whole
            self._arenas.restore()
            raise
        self._number = number

    def _arrays(self, document: Document, inputs: Mapping[str, Any], step: int) -> dict[str, Array]:
        """The inputs as arrays, with the random keys that were left out."""
        types = {item.id: item.type for item in document.inputs}
        check_names("input", [*types, *inputs], types)  # some may be left out; no other may be there
        arrays = {name: as_array(name, value, types[name]) for name, value in inputs.items()}
        for index, name in enumerate(rng_key_inputs(document)):
            if name not in arrays:
                arrays[name] = step_key(self._seed, step, index)
        return arrays

    def _executable(
        self, graph: str, outputs: Sequence[str], arrays: Mapping[str, Array], destinations: Mapping[str, Array]
    ) -> Executable:
        shapes = frozenset((name, array.dtype.name, array.shape) for name, array in arrays.items())
        key = ExecutableKey(graph, tuple(outputs), shapes, bool(destinations))
        executable = self._executables.get(key)
        if executable is None:
            executable = self._compile(self._set.graphs[graph], outputs, arrays, destinations)
            self._executables.put(key, executable)
        return executable

    def _compile(
        self, document: Document, outputs: Sequence[str], arrays: Mapping[str, Array], destinations: Mapping[str, Array]
    ) -> Executable:
        """Compile what computes `outputs` from inputs of these dtypes and shapes, which are found to fit."""
        types: dict[str, TensorType] = {item.id: item.type for item in document.inputs if item.id in arrays}
        symbols = bind_symbols(types, arrays)
        part = selected(document, arrays)
        return self._engine.compile(
            part,
            symbols,
            bound={parameter.id: self._arenas.parameters[parameter.id] for parameter in part.parameters},
            destinations=destinations,
            outputs=outputs,
            memory_limit=self._memory_limit,
        )

    def _compiled_updates(self) -> list[Executable]:
        if self._updates is None:
            optimizer = self._optimizer
            arenas = [arena for arena in self._arenas.arenas if arena.trained.size]
            self._updates = [] if optimizer is None else [self._compiled_update(optimizer, arena) for arena in arenas]
        return self._updates

    def _compiled_update(self, optimizer: Optimizer, arena: Arena) -> Executable:
        changed = {"parameter": arena.trained, **arena.slots}
        return self._engine.compile(
            update_document(optimizer, arena.dtype),
            {LENGTH: arena.trained.size},
            bound={**changed, "gradient": arena.gradients},
            destinations=changed,
        )

    def _checked(self, parameters: Mapping[str, Any]) -> dict[str, Array]:
        """New values of parameters as arrays, each of them found to fit."""
        declared = self._set.parameters
        check_names("parameter", [*declared, *parameters], declared)  # some may be left out; no other may be there
        arrays = {name: as_array(name, value, declared[name].type) for name, value in parameters.items()}
        bind_symbols({name: declared[name].type for name in arrays}, arrays)
        return arrays
