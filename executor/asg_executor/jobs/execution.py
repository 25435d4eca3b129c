"""`Execution`: the numerical part of a job. All of it is called in a thread, by one at a time.

How far a job is follows from the session alone. With each step goes a note: whose it is, and the sums of the epoch's
figures before it. The session keeps the note with the step, as it keeps the step's inputs and answer; so there is
nothing of a job to be written for a step, and nothing that could disagree with the session after a crash. Where the
session loses steps in a crash, as its durability may say, the job takes them again.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from asg_executor.api.json_tensors import encode_tensor
from asg_executor.datasets.dataset import Dataset
from asg_executor.jobs.batch_order import epoch_order, micro_batch_rows
from asg_executor.jobs.errors import JobPositionError, UnknownCheckpointError
from asg_executor.jobs.figures import RunningFigures, figure_json
from asg_executor.jobs.interface import VALIDATION, JobInterface
from asg_executor.jobs.job_settings import JobSettings
from asg_executor.plan.arrays import Array
from asg_executor.sessions.checkpointing import add_checkpoint
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.step_record import StepRecord
from asg_executor.sessions.step_request import StepRequest
from asg_executor.sessions.taken import TakenStep
from asg_executor.store.datasets import DatasetStore
from asg_executor.store.jobs import JobRecord

__all__ = ["Execution", "JobData", "StepDone", "leave"]

_RESTORED = "restored"


class StepDone(NamedTuple):
    """A step that was taken.

    Attributes:
        position: how many of the job's steps are taken now.
        number: the number of the step in the session.
        figures: the epoch's figures so far, as JSON.
        taken: how it was taken.
    """

    position: int
    number: int
    figures: Mapping[str, Any]
    taken: TakenStep


class JobData(NamedTuple):
    """The data sets of a job.

    Attributes:
        train: that to train with.
        validation: that of the validation, if there is one.
    """

    train: Dataset
    validation: Dataset | None

    @classmethod
    def open(cls, store: DatasetStore, tenant: str, settings: JobSettings) -> Self:
        """Open the data sets. Every byte of them is read, which takes seconds where they are large.

        Args:
            store: where they are.
            tenant: whose they are.
            settings: the job's settings.

        Raises:
            UnknownDatasetError: one is gone.
            StoreError: one is damaged, or the system refuses to read it.
        """
        train, validation = store.open(tenant, settings.dataset), settings.validation
        if validation is None:
            return cls(train, None)
        same = validation.dataset == settings.dataset
        return cls(train, train if same else store.open(tenant, validation.dataset))


class Execution:
    """A job at work. Whoever makes one, or calls its methods, holds the session's lock.

    Args:
        record: what it was asked for.
        settings: its settings.
        held: the session that it trains.
        data: its data sets.

    Attributes:
        position: how many of the job's steps are taken.

    Raises:
        JobPositionError: the session's last step is none of the job's.
        InvalidJobError: the data sets do not fit the session.
    """

    def __init__(self, record: JobRecord, settings: JobSettings, held: HeldSession, data: JobData) -> None:
        self._record = record
        self._settings = settings
        self._held = held
        self._data, self._validation_data = data
        validation = None if self._validation_data is None else self._validation_data.info
        self._interface = JobInterface.of(settings, held.session, self._data.info, validation)
        self._order: tuple[int, Array] | None = None
        self.position = held.session.number - record.first_step
        self._figures = RunningFigures()
        if self.position != 0:
            note, parts = self._note(), self._parts(self.position - 1)
            self._figures = self._updated(RunningFigures.from_json(note["figures"]), held.last_step, parts)

    def _note(self) -> Mapping[str, Any]:
        """The note of the session's last step, which is to be the job's."""
        text = self._held.last_step.note
        note: Mapping[str, Any] = {} if text is None else json.loads(text)
        if note.get("job") != self._record.id:
            raise JobPositionError(
                f"the session {self._held.id} is at step {self._held.session.number}, which is none of the job "
                f"{self._record.id}: it began behind step {self._record.first_step}"
            )
        return note

    def _updated(self, before: RunningFigures, step: StepRecord, parts: Sequence[Array]) -> RunningFigures:
        """Figures with those of a step, in their own order: a step that was taken again from the log has another."""
        for answer, rows in zip(step.answer, parts, strict=True):
            before = before.updated({name: answer[name] for name in self._interface.figures}, len(rows))
        return before

    def take(self) -> StepDone:
        """Take the next step.

        Raises:
            ExecutorError: as `HeldSession.take` does; the step was not taken.
        """
        parts = self._parts(self.position)
        inputs = [
            {name: self._data.rows(tensor, rows) for name, tensor in self._interface.inputs.items()} for rows in parts
        ]
        is_first = self.position % self._record.steps_per_epoch == 0
        before = RunningFigures() if is_first else self._figures
        note = _text({"job": self._record.id, "figures": before.to_json()})
        divided = self._settings.micro_batches is not None
        request = StepRequest(inputs, list(self._interface.figures), micro_batches=divided, note=note)
        number = self._record.first_step + self.position + 1
        taken = self._held.take(number, request, job=self._record.id)
        self.position += 1
        self._figures = self._updated(before, self._held.last_step, parts)
        return StepDone(self.position, number, _figures_json(self._figures.result()), taken)

    def _parts(self, place: int) -> list[Array]:
        """The numbers of the rows of each micro-batch of a step; `place` counts the job's steps from 0."""
        epoch, batch = divmod(place, self._record.steps_per_epoch)
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, epoch_order(self._data.info.length, self._settings.shuffle_seed, epoch)
        size = self._settings.batch_size
        rows = self._order[1][batch * size : (batch + 1) * size]
        return micro_batch_rows(rows, self._settings.micro_batches)

    def epoch_figures(self) -> dict[str, Any]:
        """The figures of the epoch so far, as JSON."""
        return _figures_json(self._figures.result())

    @property
    def validation_batches(self) -> int:
        """How many runs a validation takes."""
        if self._validation_data is None:
            return 0
        return -(-self._validation_data.info.length // self._validation_size)

    @property
    def _validation_size(self) -> int:
        validation = self._settings.validation
        return (None if validation is None else validation.batch_size) or self._settings.batch_size

    def validate(self, batch: int, figures: RunningFigures) -> RunningFigures:
        """Run the validation's graph on a batch; nothing is changed.

        Args:
            batch: the number of the batch, from 0.
            figures: those of the batches before.

        Returns:
            The figures with those of the batch.

        Raises:
            ExecutorError: as `Session.run` does.
        """
        data, validation = self._validation_data, self._settings.validation
        if data is None or validation is None:
            raise JobPositionError("the job has no validation")
        size = self._validation_size
        rows = np.arange(batch * size, min((batch + 1) * size, data.info.length))
        inputs = {name: data.rows(tensor, rows) for name, tensor in self._interface.validation_inputs.items()}
        names = list(self._interface.validation_figures)
        return figures.updated(self._held.session.run(validation.graph, inputs, names), len(rows))

    @staticmethod
    def validation_report(figures: RunningFigures) -> tuple[dict[str, Any], dict[str, Any]]:
        """A validation's figures as JSON: those that are single numbers, and the arrays."""
        found = {f"{VALIDATION}{name}": array for name, array in figures.result().items()}
        arrays = {name: encode_tensor(array) for name, array in found.items() if array.shape}
        return _figures_json({name: array for name, array in found.items() if not array.shape}), arrays

    def add_checkpoint(self, name: str, metrics: Mapping[str, float]) -> None:
        """Have the present state on disk under a name.

        Args:
            name: the name.
            metrics: figures that belong to it, by name.

        Raises:
            CheckpointError: another state has the name.
            StoreError: it could not be kept.
        """
        add_checkpoint(self._held, name, metrics=metrics)

    def remove_checkpoints(self, names: set[str]) -> None:
        """Remove those of these checkpoints that there are.

        Raises:
            StoreError: the system refuses.
        """
        checkpoints = self._held.checkpoints
        checkpoints.remove([item.name for item in checkpoints.all() if item.name in names])

    def restore_parameters(self, name: str) -> None:
        """Give the session the parameters of a checkpoint; all else stays as it is. Where it has them, nothing happens.

        Raises:
            UnknownCheckpointError: there is none of this name any more.
            StoreError: it is damaged, or the new values could not be kept.
        """
        if self._note().get(_RESTORED) == name:
            return
        prefix = "value:"
        if self._held.checkpoints.find(name) is None:
            raise UnknownCheckpointError(
                f'the checkpoint "{name}", which had the best parameters, was removed; the session has those of step '
                f"{self._held.session.number}"
            )
        arrays = self._held.checkpoints.read(name).arrays
        values = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
        note = _text({**self._note(), _RESTORED: name})
        self._held.set_parameters(values, job=self._record.id, note=note)


def leave(held: HeldSession) -> str:
    """Have a session on disk as a job leaves it, whatever its durability.

    Returns:
        The digest of its state.

    Raises:
        StoreError: it could not be kept.
    """
    if held.settings.durability != "every_step":
        held.save()
    return held.digest()


def _text(note: Mapping[str, Any]) -> str:
    return json.dumps(note, separators=(",", ":"))


def _figures_json(figures: Mapping[str, Array]) -> dict[str, Any]:
    return {name: figure_json(array.item()) for name, array in figures.items()}
