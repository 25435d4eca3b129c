"""The loops of `Session.fit` and `Session.evaluate`, as exchanges (see `asg_builder.client.request`)."""

import inspect
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from rich.console import Console

from asg_builder.arrays import Array
from asg_builder.training.best_checkpoint import BestCheckpoint
from asg_builder.training.early_stopping import EarlyStopping
from asg_builder.training.epochs import Batch, Epochs, PreparedBatches, batch_size, checked
from asg_builder.training.progress import TrainingProgress
from asg_builder.training.running import RunningFigures
from asg_schema.errors import AsgError

__all__ = ["Fit", "FitOptions", "Trainable", "Watchers", "evaluate"]

T = TypeVar("T")
Exchange: TypeAlias = Generator[Any, Any, T]

_VALIDATION = "val_"


class Taken(Protocol):
    """The outputs of a step."""

    @property
    def tensors(self) -> dict[str, Array]:
        """The outputs by name."""
        ...


class Trainable(Protocol):
    """What `Fit` asks of a session; each method is an exchange, but for `prepare_step`."""

    id: str
    number: int

    def refresh(self) -> Exchange[int]:
        """Ask for the number of the last step."""
        ...

    def figures(self, graph: str, loss: str) -> Exchange[list[str]]:
        """The outputs of a graph that are figures to be watched."""
        ...

    def prepare_step(self, inputs: Batch, outputs: Sequence[str], /) -> bytes:
        """What is sent to take a step; possible once `figures` has been asked of the graph `train`."""
        ...

    def take_step(self, body: bytes, meanwhile: Callable[[], object], /) -> Exchange[Taken]:
        """Take a step, and do something else while it is waited for."""
        ...

    def run(self, graph: str, inputs: Batch, outputs: Sequence[str], /) -> Exchange[dict[str, Array]]:
        """Run a graph; nothing is changed."""
        ...

    def parameters(self) -> Exchange[dict[str, Array]]:
        """The parameters by name."""
        ...

    def set_parameters(self, parameters: Mapping[str, npt.ArrayLike], /) -> Exchange[None]:
        """Replace the parameters of these names."""
        ...

    def save(self, path: str, /, *, prefix: str, progress: bool) -> Exchange[None]:
        """Write the parameters to a safetensors file."""
        ...


class Watchers(NamedTuple):
    """What looks at a training, as `Session.fit` describes it."""

    early_stopping: EarlyStopping | None
    checkpoint: BestCheckpoint | None
    on_epoch: Callable[[int, Mapping[str, float]], object] | None
    on_step: Callable[[int, Mapping[str, float]], object] | None


class FitOptions(NamedTuple):
    """The arguments of `Session.fit`, which describes them."""

    batches: Iterable[Batch]
    epochs: int
    loss: str
    validation: Iterable[Batch] | None
    validation_graph: str
    watchers: Watchers
    start_step: int | None
    console: Console | None


def evaluate(
    session: Trainable,
    batches: Iterable[Batch],
    graph: str,
    outputs: Sequence[str],
    advance: Callable[[], object] = lambda: None,
) -> Exchange[dict[str, Any]]:
    """The figures of a data set: means weighted by the sizes of the batches, and sums of counts.

    Args:
        session: what runs the graph.
        batches: the inputs of each run.
        graph: the name under which the session has the graph.
        outputs: the figures.
        advance: called after each batch.

    Raises:
        AsgError: there is no batch, one is no mapping, or a figure changes its shape.
    """
    running, count = RunningFigures(), 0
    for batch in batches:
        results = yield from session.run(graph, checked(batch), outputs)
        running.update({name: results[name] for name in outputs}, batch_size(batch))
        count += 1
        advance()
    if count == 0:
        raise AsgError(
            f'there is no batch to run the graph "{graph}" on; give a list, or an object that can be iterated again'
        )
    return running.result()


class Fit:
    """One call of `Session.fit`.

    Args:
        session: what is trained.
        options: the arguments.

    Raises:
        AsgError: `epochs` is negative.
    """

    def __init__(self, session: Trainable, options: FitOptions) -> None:
        if options.epochs < 0:
            raise AsgError(f"epochs is {options.epochs}; a number of at least 0 is needed")
        self._session = session
        self._options = options
        self._outputs: list[str] = []
        self._validation_outputs: list[str] = []
        self._stopped = False

    def run(self) -> Exchange[dict[str, list[float]]]:
        """All epochs, with a progress bar on a terminal; the figures of each."""
        yield from self._choose_figures()
        # A step that was interrupted may have been taken; its batch is not the first of these.
        number = yield from self._session.refresh()
        options = self._options
        epochs = Epochs(options.batches, options.epochs, options.start_step, number)
        history: dict[str, list[float]] = {}
        stopping = options.watchers.early_stopping
        if stopping is not None:
            begun = number if options.start_step is None else options.start_step
            stopping.begin((self._session.id, begun), epochs.done)
        ended = stopping is not None and stopping.stopped_epoch is not None
        with TrainingProgress("training", epochs.steps_left, options.console) as bar:
            for epoch in () if ended else epochs.left:
                figures = yield from self._epoch(epoch, epochs.batches_left(epoch), bar)
                for name, value in figures.items():
                    history.setdefault(name, []).append(value)
                if (yield from self._ends(epoch, figures)):
                    break
        if stopping is not None and stopping.best_parameters is not None:
            yield from self._session.set_parameters(stopping.best_parameters)
        return history

    def _choose_figures(self) -> Exchange[None]:
        """What to compute in each step and in the validation; whoever watches a figure must find it there."""
        loss, graph = self._options.loss, self._options.validation_graph
        found = yield from self._session.figures("train", loss)
        self._outputs = [loss, *(name for name in found if name != loss)]
        if self._options.validation is not None:
            self._validation_outputs = yield from self._session.figures(graph, loss)
            if not self._validation_outputs:
                raise AsgError(f'the graph "{graph}" has neither an output "{loss}" nor a metric to be validated with')
        names = [*self._outputs, *(_VALIDATION + name for name in self._validation_outputs)]
        for watcher in (self._options.watchers.checkpoint, self._options.watchers.early_stopping):
            if watcher is not None:
                watcher.check(names)

    def _epoch(self, epoch: int, batches: Iterable[Batch], bar: TrainingProgress) -> Exchange[dict[str, float]]:
        """The steps of an epoch, then its validation; the figures that are single numbers."""
        options, running, count = self._options, RunningFigures(), 0
        prepared = PreparedBatches(batches, lambda batch: self._session.prepare_step(batch, self._outputs))
        while not self._stopped and (batch := prepared.take()) is not None:
            results = (yield from self._session.take_step(batch.body, prepared.prepare_next)).tensors
            loss = results[options.loss]
            if loss.shape != ():
                raise AsgError(f'the output "{options.loss}" has the shape {list(loss.shape)}; a loss is one number')
            running.update({name: results[name] for name in self._outputs}, batch.size)
            count += 1
            bar.advance(f"epoch {epoch}/{options.epochs}, loss {float(loss):.4f}")
            if options.watchers.on_step is not None:
                figures = _numbers({name: results[name] for name in self._outputs})
                self._stopped = yield from _is_true(options.watchers.on_step(self._session.number, figures))
        if count == 0:
            raise AsgError(f"epoch {epoch} has no batch; give a list, or an object that can be iterated again")
        return (yield from self._with_validation(_numbers(running.result())))

    def _with_validation(self, figures: dict[str, float]) -> Exchange[dict[str, float]]:
        options = self._options
        if options.validation is None:
            return figures
        found = yield from evaluate(
            self._session, options.validation, options.validation_graph, self._validation_outputs
        )
        return figures | {_VALIDATION + name: value for name, value in _numbers(found).items()}

    def _ends(self, epoch: int, figures: dict[str, float]) -> Exchange[bool]:
        """Tell everyone who watches of an epoch; whether it is the last."""
        watchers, stopped = self._options.watchers, self._stopped
        if watchers.checkpoint is not None and watchers.checkpoint.is_best(epoch, figures):
            watchers.checkpoint.keep((yield from self._session.parameters()))
            if watchers.checkpoint.path is not None:
                yield from self._session.save(watchers.checkpoint.path, prefix="", progress=False)
        if watchers.early_stopping is not None:
            stopped |= yield from self._stops(watchers.early_stopping, epoch, figures)
        if watchers.on_epoch is not None:
            stopped |= yield from _is_true(watchers.on_epoch(epoch, figures))
        return stopped

    def _stops(self, stopping: EarlyStopping, epoch: int, figures: dict[str, float]) -> Exchange[bool]:
        if not stopping.is_best(epoch, figures):
            return stopping.ends(epoch)
        if stopping.restore_best:
            stopping.keep((yield from self._session.parameters()))
        return False


def _is_true(answer: object) -> Exchange[bool]:
    """Whether what a callback returned, or what that comes to where it is to be awaited, is True.

    NumPy's comparisons have a True of their own.
    """
    if inspect.isawaitable(answer):
        answer = yield answer
    return answer is True or answer is np.True_


def _numbers(figures: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items() if np.ndim(value) == 0}
