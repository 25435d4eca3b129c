"""The loops of `Session.fit` and `Session.evaluate`."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from asg_builder.arrays import Array
from asg_builder.training.best_checkpoint import BestCheckpoint
from asg_builder.training.early_stopping import EarlyStopping
from asg_builder.training.running import RunningFigures
from asg_builder.training.watching import HoldsParameters
from asg_schema.errors import AsgError

__all__ = ["Batch", "Fit", "Trainable", "batch_size", "evaluate"]

Batch = Mapping[str, npt.ArrayLike]
"""The inputs of a step, by name."""

_VALIDATION = "val_"


class Trainable(HoldsParameters, Protocol):
    """What `Fit` asks of a session."""

    def step(self, inputs: Batch, /, *, outputs: Sequence[str]) -> dict[str, Array]:
        """Run the `train` graph and apply its gradients."""
        ...

    def run(self, graph: str, inputs: Batch, /, *, outputs: Sequence[str]) -> dict[str, Array]:
        """Run a graph; nothing is changed."""
        ...

    def figures(self, graph: str, loss: str = "loss") -> list[str]:
        """The outputs of a graph that are figures to be watched."""
        ...


def batch_size(batch: Batch) -> int:
    """The length of the first axis of the first input that has one; 1 where none has."""
    return next((shape[0] for value in batch.values() if (shape := np.shape(value))), 1)


def evaluate(session: Trainable, batches: Iterable[Batch], graph: str, outputs: Sequence[str]) -> dict[str, Any]:
    """The figures of a data set: means weighted by the sizes of the batches, and sums of counts.

    Raises:
        AsgError: there is no batch, one is no mapping, or a figure changes its shape.
    """
    running, count = RunningFigures(), 0
    for batch in batches:
        results = session.run(graph, checked(batch), outputs=outputs)
        running.update({name: results[name] for name in outputs}, batch_size(batch))
        count += 1
    if count == 0:
        raise AsgError(
            f'there is no batch to run the graph "{graph}" on; give a list, or an object that can be iterated again'
        )
    return running.result()


def checked(batch: Batch) -> Batch:
    """The batch, if it is a mapping.

    Raises:
        AsgError: it is not.
    """
    given = cast("object", batch)  # a caller without a type checker may give anything
    if not isinstance(given, Mapping):
        raise AsgError(f"a batch is a {type(given).__name__}; a mapping of the inputs' names to their data is needed")
    return batch


class Fit:
    """One call of `Session.fit`; its arguments are described there."""

    def __init__(
        self,
        session: Trainable,
        batches: Iterable[Batch],
        *,
        epochs: int,
        loss: str,
        validation: Iterable[Batch] | None,
        validation_graph: str,
        early_stopping: EarlyStopping | None,
        checkpoint: BestCheckpoint | None,
        on_epoch: Callable[[int, Mapping[str, float]], object] | None,
    ) -> None:
        if epochs < 0:
            raise AsgError(f"epochs is {epochs}; a number of at least 0 is needed")
        self.session = session
        self.batches = batches
        self.epochs = epochs
        self.loss = loss
        self.validation = validation
        self.validation_graph = validation_graph
        self.early_stopping = early_stopping
        self.checkpoint = checkpoint
        self.on_epoch = on_epoch
        self.outputs = [loss, *(name for name in session.figures("train", loss) if name != loss)]
        self.validation_outputs = [] if validation is None else session.figures(validation_graph, loss)
        if validation is not None and not self.validation_outputs:
            raise AsgError(
                f'the graph "{validation_graph}" has neither an output "{loss}" nor a metric to be validated with'
            )
        names = [*self.outputs, *(_VALIDATION + name for name in self.validation_outputs)]
        for watcher in (checkpoint, early_stopping):
            if watcher is not None:
                watcher.check(names)

    def run(self, console: Console | None) -> dict[str, list[float]]:
        """All epochs, with a progress bar on a terminal; the figures of each."""
        console = console or Console(stderr=True)
        count = len(cast("Sequence[Any]", self.batches)) if hasattr(self.batches, "__len__") else None
        total = None if count is None else self.epochs * count
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        # Where standard output is a file, what is printed meanwhile belongs there, and not above the bar.
        hidden, above = not console.is_terminal, sys.stdout.isatty()
        history: dict[str, list[float]] = {}
        if self.early_stopping is not None:
            self.early_stopping.reset()
        with Progress(*columns, console=console, transient=True, disable=hidden, redirect_stdout=above) as progress:
            task = progress.add_task("training", total=total)
            for epoch in range(1, self.epochs + 1):
                figures = self._epoch(epoch, progress, task)
                for name, value in figures.items():
                    history.setdefault(name, []).append(value)
                if self._ends(epoch, figures):
                    break
        if self.early_stopping is not None:
            self.early_stopping.restore(self.session)
        return history

    def _epoch(self, epoch: int, progress: Progress, task: TaskID) -> dict[str, float]:
        """The steps of an epoch, then its validation; the figures that are single numbers."""
        running, count = RunningFigures(), 0
        for batch in self.batches:
            results = self.session.step(checked(batch), outputs=self.outputs)
            loss = results[self.loss]
            if loss.shape != ():
                raise AsgError(f'the output "{self.loss}" has the shape {list(loss.shape)}; a loss is one number')
            running.update({name: results[name] for name in self.outputs}, batch_size(batch))
            count += 1
            progress.update(task, advance=1, description=f"epoch {epoch}/{self.epochs}, loss {float(loss):.4f}")
        if count == 0:
            raise AsgError(f"epoch {epoch} has no batch; give a list, or an object that can be iterated again")
        figures = _numbers(running.result())
        if self.validation is not None:
            found = evaluate(self.session, self.validation, self.validation_graph, self.validation_outputs)
            figures |= {_VALIDATION + name: value for name, value in _numbers(found).items()}
        return figures

    def _ends(self, epoch: int, figures: dict[str, float]) -> bool:
        """Tell everyone who watches of an epoch; whether it is the last."""
        if self.checkpoint is not None:
            self.checkpoint.update(self.session, epoch, figures)
        stopped = self.early_stopping is not None and self.early_stopping.update(self.session, epoch, figures)
        asked = self.on_epoch is not None and _is_true(self.on_epoch(epoch, figures))
        return stopped or asked


def _is_true(answer: object) -> bool:
    """Whether an answer is True; NumPy's comparisons have one of their own."""
    return answer is True or answer is np.True_


def _numbers(figures: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items() if np.ndim(value) == 0}
