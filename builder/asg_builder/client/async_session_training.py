"""`AsyncSessionTraining`: how a session is trained for asyncio, by batches of this program or by a job."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy.typing as npt
from rich.console import Console

from asg_builder.client.async_jobs import AsyncJob
from asg_builder.client.async_transport import AsyncTransport
from asg_builder.client.exchanges.jobs import Dataset, JobRequest
from asg_builder.client.exchanges.session import SessionExchanges
from asg_builder.client.transfers import Progress
from asg_builder.training.best_checkpoint import BestCheckpoint
from asg_builder.training.early_stopping import EarlyStopping
from asg_builder.training.fitting import Fit, FitOptions, Watchers

__all__ = ["AsyncSessionTraining"]


class AsyncSessionTraining:
    """What `AsyncSession` has for whole trainings and data sets."""

    def __init__(self, transport: AsyncTransport, exchanges: SessionExchanges) -> None:
        self._transport = transport
        self._exchanges = exchanges

    async def figures(self, graph: str, loss: str = "loss") -> list[str]:
        """The outputs of a graph that are figures to be watched.

        They are its loss, if it has an output of that name, and what was declared with `g.metric`.

        Args:
            graph: the name under which the session has it.
            loss: the name of the loss.

        Raises:
            AsgError: the graph is unknown.
        """
        return await self._transport.perform(self._exchanges.figures(graph, loss))

    async def evaluate(
        self,
        batches: Iterable[Mapping[str, npt.ArrayLike]],
        graph: str = "validate",
        *,
        outputs: Sequence[str] | None = None,
        console: Console | None = None,
    ) -> dict[str, Any]:
        """The figures of a data set: a graph is run for each batch, and nothing is changed.

        Figures of a floating-point dtype are averaged over the batches, weighted by their sizes; integers, such as the
        counts of a confusion matrix, are added. See `asg_builder.training.RunningFigures`.

        Args:
            batches: the inputs of each run. The size of a batch is the length of the first axis of its first input that
                has one.
            graph: the name under which the session has the graph.
            outputs: which outputs to compute; absent: `loss`, if there is such an output, and the metrics.
            console: where a progress bar is drawn, if it is a terminal; absent: standard error.

        Returns:
            By name floats and ints, or arrays where a figure is no single number.

        Raises:
            AsgError: the graph is unknown or has no figures, there is no batch, or a figure changes its shape.
            ClientError: see `asg_builder.client.errors`.
        """
        return await self._transport.perform(self._exchanges.evaluate(batches, graph, outputs, console))

    async def fit(
        self,
        batches: Iterable[Mapping[str, npt.ArrayLike]],
        *,
        epochs: int = 1,
        loss: str = "loss",
        validation: Iterable[Mapping[str, npt.ArrayLike]] | None = None,
        validation_graph: str = "validate",
        early_stopping: EarlyStopping | None = None,
        checkpoint: BestCheckpoint | None = None,
        on_epoch: Callable[[int, Mapping[str, float]], object] | None = None,
        on_step: Callable[[int, Mapping[str, float]], object] | None = None,
        start_step: int | None = None,
        console: Console | None = None,
    ) -> dict[str, list[float]]:
        """Take a step for each batch, with a progress bar on a terminal.

        ```python
        history = session.fit(batches, epochs=100, validation=validation, early_stopping=EarlyStopping(patience=5))
        history["loss"], history["val_loss"], history["val_accuracy"]
        ```

        The figures of an epoch are its loss and the metrics of the graph (`g.metric`) that are single numbers, computed
        as `evaluate` says: of the `train` graph under their names, as they were before each step, and of the validation
        data with "val_" before them.

        It goes on from the executor's last step. Called again after an interruption it begins a training anew; with
        `start_step` it goes on with the one that was interrupted, at the very batch, so that the weights come to be
        those of a training without interruption. The figures of the interrupted epoch are then those of the batches
        that were left, and the figures of the epochs before it are not known. An `EarlyStopping` goes on with what it
        knows of the epochs before: all, where it is the very object that watched them; what `EarlyStopping.replay` was
        given, in a program that was started again; else nothing: the patience and the best value begin anew.

        Args:
            batches: the inputs of each step; iterated once for each epoch, so a list or an object that can be iterated
                again, such as `asg_builder.data.Batches`, not a generator.
            epochs: how many times to go through the batches.
            loss: the output that is the loss.
            validation: batches to compute figures of after each epoch, without a step.
            validation_graph: the name under which the session has the graph for that. It has the loss and metrics, no
                gradients, and layers as they are in evaluation.
            early_stopping: ends the training where it gets no better, and restores the best weights.
            checkpoint: keeps the weights of the best epoch.
            on_epoch: called after each epoch with its number, from 1, and its figures; the training ends if it returns
                True.
            on_step: called after each step with its number and its figures; the training ends, after the validation, if
                it returns True.
            start_step: the number that the session had when the training began, 0 if it was new: the steps since then
                are counted as this training's and not taken again. The batches need a length, and an order that is the
                same each time; the `epoch` of `asg_builder.data.Batches` is set. Absent: the training begins now.
            console: where the bar is drawn; absent: standard error.

        Returns:
            Each figure's values, one for each epoch.

        Raises:
            AsgError: an epoch has no batch, a batch is no mapping, a graph is unknown, what is watched is not among the
                figures, `epochs` is negative, or `start_step` does not fit the session or the batches.
            ClientError: see `asg_builder.client.errors`.
        """
        watchers = Watchers(early_stopping, checkpoint, on_epoch, on_step)
        options = FitOptions(batches, epochs, loss, validation, validation_graph, watchers, start_step, console)
        return await self._transport.perform(Fit(self._exchanges, options).run())

    async def start_job(
        self,
        data: Mapping[str, npt.ArrayLike] | Dataset | str,
        *,
        batch_size: int,
        epochs: int = 1,
        micro_batches: int | None = None,
        shuffle_seed: int | None = None,
        drop_last: bool = False,
        inputs: Mapping[str, str] | None = None,
        loss: str = "loss",
        validation: Mapping[str, npt.ArrayLike] | Dataset | str | None = None,
        validation_graph: str = "validate",
        validation_settings: Mapping[str, Any] | None = None,
        early_stopping: EarlyStopping | Mapping[str, Any] | None = None,
        checkpoints: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        progress: Progress = False,
    ) -> AsyncJob:
        """Let the executor take the steps of a training by itself: they go on when this program ends.

        The session has the same weights afterwards, bit for bit, as after `fit` over
        `Batches(data, batch_size, shuffle=True, seed=shuffle_seed)`. Until the job's end nothing else changes it.

        Args:
            data: arrays with a row for each example, which are sent first; or what `add_dataset` returned, or its
                digest. Arrays that are inputs are converted to the dtypes of these.
            batch_size: how many rows a step has.
            epochs: how many times to go through the data.
            micro_batches: in how many parts each step takes its rows, one after the other, as `step_micro_batches` does
                with `asg_builder.data.micro_batches(batch, micro_batches)`; absent: it is not divided.
            shuffle_seed: what the orders of the rows are made from; None leaves them in order.
            drop_last: whether the rows that are left at the end of an epoch, fewer than a batch, are left out.
            inputs: the name of the array of an input, where it is not the input's.
            loss: the output of `train` that is the loss.
            validation: data to compute figures of meanwhile, without a step.
            validation_graph: the name under which the session has the graph for that.
            validation_settings: `every_epochs` or `every_steps`, `batch_size` and `inputs` of the validation.
            early_stopping: ends the training where it gets no better; an `EarlyStopping`, or its JSON form.
            checkpoints: `every_epochs` or `every_steps`, `keep_last`, `keep_best`, `monitor`, `mode` and `prefix` of
                the checkpoints that it makes; absent: none.
            idempotency_key: a name for this wish: with it, a program that is started again gets the job that it started
                before. Absent: a new one.
            progress: told of what is sent; True for a bar.

        Raises:
            AsgError: an array is not converted to its input's dtype.
            ValidationProblem: what is asked for does not fit together; `.problems`.
            Conflict: the session has a job, or the executor keeps nothing.
            ClientError: see `asg_builder.client.errors`.
        """
        request = JobRequest(
            epochs=epochs,
            batch_size=batch_size,
            micro_batches=micro_batches,
            shuffle_seed=shuffle_seed,
            drop_last=drop_last,
            inputs=inputs,
            loss=loss,
            validation=validation,
            validation_graph=validation_graph,
            validation_settings=validation_settings,
            early_stopping=early_stopping,
            checkpoints=checkpoints,
            idempotency_key=idempotency_key,
            progress=progress,
        )
        return AsyncJob(self._transport, await self._transport.perform(request.start(self._exchanges, data)))
