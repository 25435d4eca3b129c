"""`Execution`: the numerical part of a job. All of it is called in a thread, by one at a time.

A step is taken first, and then written down with the sums of its epoch's figures. A crash between the two leaves the
session one step ahead of the job: the job takes the step again, and the session answers it from memory. Where the
session kept less than the job, as its durability may say, the job takes the lost steps again, whose figures it has.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from asg_executor.api.json_tensors import encode_tensor
from asg_executor.datasets.dataset import Dataset
from asg_executor.jobs.batch_order import epoch_order
from asg_executor.jobs.errors import JobPositionError, UnknownCheckpointError
from asg_executor.jobs.figures import RunningFigures, figure_json
from asg_executor.jobs.interface import VALIDATION, JobInterface
from asg_executor.jobs.job_settings import JobSettings
from asg_executor.plan.arrays import Array
from asg_executor.sessions.checkpointing import add_checkpoint
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.step_request import StepRequest
from asg_executor.sessions.taken import TakenStep
from asg_executor.store.datasets import DatasetStore
from asg_executor.store.jobs import JobRecord
from asg_executor.store.progress_file import ProgressFile

__all__ = ["Execution", "StepDone", "first_progress", "leave"]


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


def first_progress() -> dict[str, Any]:
    """What the progress file of a job says before its first step."""
    return {"position": 0, "figures": RunningFigures().to_json()}


class Execution:
    """A job at work. Whoever calls `take` or `finish` holds the session's lock.

    Args:
        record: what it was asked for.
        settings: its settings.
        held: the session that it trains.
        store: where its data sets are.
        progress: how far it is; closed by `close`.
        max_steps: how many steps a job may have.

    Raises:
        UnknownDatasetError: a data set is gone.
        InvalidJobError: the data sets do not fit the session.
        StoreError: a data set is damaged, or the system refuses to read it.
    """

    def __init__(
        self,
        record: JobRecord,
        settings: JobSettings,
        held: HeldSession,
        store: DatasetStore,
        progress: ProgressFile,
        max_steps: int,
    ) -> None:
        self._record = record
        self._settings = settings
        self._held = held
        self._progress = progress
        tenant, validation = record.tenant, settings.validation
        info = store.find(tenant, settings.dataset)
        validation_info = None if validation is None else store.find(tenant, validation.dataset)
        self._interface = JobInterface.of(settings, held.session, info, validation_info, max_steps)
        self._data = store.open(tenant, settings.dataset)
        self._validation_data: Dataset | None = None
        if validation is not None:
            same = validation.dataset == settings.dataset
            self._validation_data = self._data if same else store.open(tenant, validation.dataset)
        self.position: int = progress.record["position"]
        self._figures = RunningFigures.from_json(progress.record["figures"])
        self._order: tuple[int, Array] | None = None

    def close(self) -> None:
        """Close its files."""
        self._progress.close()

    def prepare(self) -> None:
        """Have the session on disk as it is before the first step, where its steps are not.

        Raises:
            StoreError: it could not be kept.
        """
        if self.position == 0 and self._held.settings.durability != "every_step":
            self._held.save()

    def take(self) -> StepDone:
        """Take the next step, or one that the session lost.

        Raises:
            JobPositionError: the session is elsewhere.
            ExecutorError: as `HeldSession.take` does; the step was not taken.
        """
        number = self._held.session.number
        ahead = number - self._record.first_step - self.position
        if ahead > 1 or number < self._record.first_step:
            raise JobPositionError(
                f"the session is at step {number}, and the job left it at {self._record.first_step + self.position}"
            )
        place = min(self.position, self.position + ahead)
        rows = self._rows(place)
        inputs = {name: self._data.rows(tensor, rows) for name, tensor in self._interface.inputs.items()}
        request = StepRequest([inputs], list(self._interface.figures))
        number = self._record.first_step + place + 1
        taken = self._held.take(number, request, job=self._record.id)
        if place == self.position:
            self._note(place, taken.answers[0], len(rows))
        return StepDone(self.position, number, _figures_json(self._figures.result()), taken)

    def _note(self, place: int, answer: Mapping[str, Array], rows: int) -> None:
        """Write down that a step was taken, and what it answered."""
        is_first = place % self._record.steps_per_epoch == 0
        figures = (RunningFigures() if is_first else self._figures).updated(answer, rows)
        self._progress.write({"position": place + 1, "figures": figures.to_json()})
        self.position, self._figures = place + 1, figures

    def _rows(self, place: int) -> Array:
        """The numbers of the rows of a step; `place` counts the job's steps from 0."""
        epoch, batch = divmod(place, self._record.steps_per_epoch)
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, epoch_order(self._data.length, self._settings.shuffle_seed, epoch)
        size = self._settings.batch_size
        return self._order[1][batch * size : (batch + 1) * size]

    @property
    def lost_steps(self) -> bool:
        """Whether the session is behind the job."""
        return self._held.session.number < self._record.first_step + self.position

    def epoch_figures(self) -> dict[str, Any]:
        """The figures of the epoch so far, as JSON."""
        return _figures_json(self._figures.result())

    @property
    def validation_batches(self) -> int:
        """How many runs a validation takes."""
        if self._validation_data is None:
            return 0
        return -(-self._validation_data.length // self._validation_size)

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
        rows = np.arange(batch * size, min((batch + 1) * size, data.length))
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
        for item in checkpoints.all():
            if item.name in names:
                checkpoints.remove(item.name)

    def restore_parameters(self, name: str) -> None:
        """Give the session the parameters of a checkpoint; all else stays as it is.

        Raises:
            UnknownCheckpointError: there is none of this name any more.
            StoreError: it is damaged, or the new values could not be kept.
        """
        prefix = "value:"
        if self._held.checkpoints.find(name) is None:
            raise UnknownCheckpointError(
                f'the checkpoint "{name}", which had the best parameters, was removed; the session has those of step '
                f"{self._held.session.number}"
            )
        arrays = self._held.checkpoints.read(name).arrays
        values = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
        self._held.set_parameters(values, job=self._record.id)

    def finish(self) -> str:
        """Have the session on disk as the job leaves it, whatever its durability.

        Returns:
            The digest of its state.

        Raises:
            StoreError: it could not be kept.
        """
        return leave(self._held)


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


def _figures_json(figures: Mapping[str, Array]) -> dict[str, Any]:
    return {name: figure_json(array.item()) for name, array in figures.items()}
