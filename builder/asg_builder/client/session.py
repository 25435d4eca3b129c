"""`Session`: a model that an executor holds and trains."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy.typing as npt
from rich.console import Console

from asg_builder.arrays import Array
from asg_builder.client.checkpoints import Checkpoints
from asg_builder.client.exchanges.jobs import Dataset, JobRequest
from asg_builder.client.exchanges.session import SessionExchanges
from asg_builder.client.jobs import Job
from asg_builder.client.raw_session import RawSession
from asg_builder.client.transfers import Progress
from asg_builder.client.transport import Transport
from asg_builder.training.best_checkpoint import BestCheckpoint
from asg_builder.training.early_stopping import EarlyStopping
from asg_builder.training.fitting import Fit, FitOptions, Watchers
from asg_schema.parameter_names import ParameterNames, Prefix

__all__ = ["Session"]


class Session:
    """A session of an executor: graphs that share parameters, an optimizer, and the number of the last step.

    Made by `Client.create_session` and `Client.session`. For one thread at a time.

    Data may be anything that NumPy makes an array of. It is converted to the dtype that the graph declares where that
    keeps its kind: float64 becomes float32, integers become floats or integers that hold them. A fraction never becomes
    an integer, and only a bool a bool: that raises.

    A step is taken exactly once. Where its answer was lost, the client sends it again by itself; where it gives up with
    `ConnectionFailed`, calling `step` again with the same data answers the lost step or takes it, whichever is right.
    With other data it raises `ValidationProblem` if the lost step was taken; `refresh()` goes on after it then.
    """

    def __init__(self, transport: Transport, exchanges: SessionExchanges) -> None:
        self._transport = transport
        self._exchanges = exchanges

    @property
    def id(self) -> str:
        """The session's id, under which `Client.session` finds it again."""
        return self._exchanges.id

    @property
    def number(self) -> int:
        """The number of the last step that is known to be taken; steps go on after it."""
        return self._exchanges.number

    @number.setter
    def number(self, number: int) -> None:
        self._exchanges.number = number

    def __repr__(self) -> str:
        return f"Session({self.id!r}, step {self.number}, at {self._transport.url})"

    def with_options(
        self, *, timeout: float | None = None, retries: int | None = None, total_timeout: float | None = None
    ) -> "Session":
        """The same session, whose requests are sent with other options; `Client.with_options` describes them."""
        options = self._transport.with_options(timeout=timeout, retries=retries, total_timeout=total_timeout)
        return Session(options, self._exchanges)

    @property
    def with_raw_response(self) -> RawSession:
        """The same methods, which return the response with its status, headers and body beside what they come to."""
        return RawSession(self)

    def step(
        self,
        inputs: Mapping[str, npt.ArrayLike] | None = None,
        /,
        *,
        outputs: Sequence[str] | None = None,
        **named: npt.ArrayLike,
    ) -> dict[str, Array]:
        """Run the `train` graph and apply its gradients and state updates.

        Args:
            inputs: the graph's inputs by name, for names that are no identifiers.
            outputs: which outputs to answer; absent: all but gradients and state updates.
            named: the graph's inputs.

        Returns:
            Outputs by name, as they were before the update.

        Raises:
            AsgError: an input is unknown, or not converted to its dtype.
            ClientError: see `asg_builder.client.errors`.
        """
        return self._transport.perform(self._exchanges.step({**(inputs or {}), **named}, outputs))

    def step_micro_batches(
        self, micro_batches: Sequence[Mapping[str, npt.ArrayLike]], *, outputs: Sequence[str] | None = None
    ) -> list[dict[str, Array]]:
        """Take one step with a batch that comes in parts, for which there is not memory at a time.

        Their gradients are summed, or averaged where the optimizer's `accumulation` is "mean", and applied once.

        Where they are too large for one body of the executor, each goes in a request of its own.

        Args:
            micro_batches: the inputs of the `train` graph for each part.
            outputs: which outputs to answer; absent: all but gradients and state updates.

        Returns:
            The outputs of each part by name, as they were before the update.

        Raises:
            AsgError: an input is unknown, or not converted to its dtype.
            ClientError: see `asg_builder.client.errors`.
        """
        return self._transport.perform(self._exchanges.step_micro_batches(micro_batches, outputs))

    def run(
        self,
        graph: str,
        inputs: Mapping[str, npt.ArrayLike] | None = None,
        /,
        *,
        outputs: Sequence[str] | None = None,
        parameters: Literal["current", "average"] = "current",
        **named: npt.ArrayLike,
    ) -> dict[str, Array]:
        """Run a graph with the parameters as they are; nothing is changed.

        Args:
            graph: the name under which the session has it.
            inputs: the graph's inputs by name, for names that are no identifiers.
            outputs: which outputs to compute; absent: all but gradients and state updates that the inputs suffice for.
            parameters: with which values of the parameters: "current", or their "average" over the steps.
            named: the graph's inputs.

        Returns:
            Outputs by name.

        Raises:
            AsgError: the graph or an input is unknown, or an input is not converted to its dtype.
            ClientError: see `asg_builder.client.errors`.
        """
        return self._transport.perform(self._exchanges.run(graph, {**(inputs or {}), **named}, outputs, parameters))

    def parameters(self) -> dict[str, Array]:
        """The parameters by name: copies, to be changed at will."""
        return self._transport.perform(self._exchanges.parameters())

    def averaged_parameters(self) -> dict[str, Array]:
        """The parameters by name, of the trained ones the average over the steps, where `average_decay` keeps one."""
        return self._transport.perform(self._exchanges.averaged_parameters())

    def set_parameters(self, parameters: Mapping[str, npt.ArrayLike]) -> None:
        """Replace the values of these parameters; others, and the optimizer's state, stay as they are.

        Raises:
            AsgError: a parameter is unknown, or not converted to its dtype.
            ClientError: see `asg_builder.client.errors`.
        """
        self._transport.perform(self._exchanges.set_parameters(parameters))

    def load_parameters(
        self,
        source: str | os.PathLike[str] | Mapping[str, npt.ArrayLike],
        *,
        prefix: Prefix = "",
        strict: bool = True,
        progress: Progress = False,
    ) -> ParameterNames:
        """Replace the parameters by those of a safetensors file, such as a PyTorch state dict.

        Floats of another width become the parameter's dtype, rounded to nearest where that is narrower; integers become
        integers or floats that hold them. Nothing else is converted, and nothing is replaced if anything does not fit.
        The optimizer's state stays as it is.

        Args:
            source: a file, or arrays by name.
            prefix: how the names in the file become names of parameters: a text that is put before each, such as
                `"model."`, or a mapping from beginnings of names to what takes their place.
            strict: whether the file and the session must have the same names; else what is in both is replaced. A tied
                weight may stand in the file under each of its names, if its elements are the same there.
            progress: told how many bytes have been sent, and how many there are; True draws a bar on a terminal.

        Returns:
            Which tensor became which parameter, and which names were missing or unexpected.

        Raises:
            AsgError: names, shapes or dtypes do not fit, all of them told at once; or the file cannot be read.
            ClientError: see `asg_builder.client.errors`.
        """
        loading = self._exchanges.load_parameters(source, prefix=prefix, strict=strict, progress=progress)
        return self._transport.perform(loading)

    def save(self, path: str | os.PathLike[str], *, prefix: str = "", progress: Progress = False) -> None:
        """Write the parameters to a safetensors file, whole or not at all.

        They go to the file as they arrive, and are compared with the checksum that the executor gives them. The file's
        metadata holds the number of the step under `step`. PyTorch reads it with
        `module.load_state_dict(safetensors.torch.load_file(path))`.

        Args:
            path: the file.
            prefix: only parameters whose names begin with this are written, under the rest of their names: `"model."`
                for the state dict of a module that is named `model`.
            progress: told how many bytes have arrived, and how many there are; True draws a bar on a terminal.

        Raises:
            AsgError: no parameter's name begins with `prefix`, or the file cannot be written.
            ClientError: see `asg_builder.client.errors`.
        """
        self._transport.perform(self._exchanges.save(path, prefix=prefix, progress=progress))

    @property
    def checkpoints(self) -> Checkpoints:
        """The states of the session that the executor keeps under a name."""
        return Checkpoints(self._transport, self._exchanges)

    def refresh(self) -> int:
        """Ask the executor for the number of the last step, and go on from there."""
        return self._transport.perform(self._exchanges.refresh())

    def delete(self) -> None:
        """Let the executor forget the session; one that is gone already is as good."""
        self._transport.perform(self._exchanges.delete())

    def figures(self, graph: str, loss: str = "loss") -> list[str]:
        """The outputs of a graph that are figures to be watched.

        They are its loss, if it has an output of that name, and what was declared with `g.metric`.

        Args:
            graph: the name under which the session has it.
            loss: the name of the loss.

        Raises:
            AsgError: the graph is unknown.
        """
        return self._transport.perform(self._exchanges.figures(graph, loss))

    def evaluate(
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
        return self._transport.perform(self._exchanges.evaluate(batches, graph, outputs, console))

    def fit(
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
        that were left, and the figures of the epochs before it are not known.

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
        return self._transport.perform(Fit(self._exchanges, options).run())

    def start_job(
        self,
        data: Mapping[str, npt.ArrayLike] | Dataset | str,
        *,
        batch_size: int,
        epochs: int = 1,
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
    ) -> Job:
        """Let the executor take the steps of a training by itself: they go on when this program ends.

        The session has the same weights afterwards, bit for bit, as after `fit` over
        `Batches(data, batch_size, shuffle=True, seed=shuffle_seed)`. Until the job's end nothing else changes it.

        Args:
            data: arrays with a row for each example, which are sent first; or what `add_dataset` returned, or its
                digest. Arrays that are inputs are converted to the dtypes of these.
            batch_size: how many rows a step has.
            epochs: how many times to go through the data.
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
        return Job(self._transport, self._transport.perform(request.start(self._exchanges, data)))
