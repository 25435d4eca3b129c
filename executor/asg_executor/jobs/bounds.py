"""`JobBounds`: how much a job may be. More is refused before it begins; one that was accepted goes on in any case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

from asg_executor.datasets.dataset import DatasetInfo
from asg_executor.jobs.errors import InvalidJobError
from asg_executor.jobs.interface import JobInterface
from asg_executor.jobs.job_settings import JobSettings
from asg_executor.plan.arrays import numpy_dtype
from asg_schema.errors import Problem
from asg_schema.wire import json_pointer

__all__ = ["JobBounds"]

_MOST_SHUFFLED_ROWS = 2**28  # their order takes 2 GiB
_MOST_CHECKPOINTS = 1000
_MOST_MICRO_BATCH_INPUTS = 100_000  # of a step, as in one body
_MOST_REPORTED = 2**24


class JobBounds(NamedTuple):
    """How much a job may be.

    Attributes:
        steps: how many steps it may have.
        batch_bytes: how many bytes the inputs of a step, or of a run of the validation, may take.
    """

    steps: int
    batch_bytes: int

    def check(
        self, settings: JobSettings, interface: JobInterface, data: DatasetInfo, validation: DatasetInfo | None
    ) -> None:
        """Find that a job is not too much.

        Args:
            settings: what is asked for.
            interface: how its data sets become inputs.
            data: its data set.
            validation: that of the validation, if there is one.

        Raises:
            InvalidJobError: with everything that is too much.
        """
        asked = _Asked(settings, interface)
        asked.check_steps(self.steps)
        asked.check_batch(["batch_size"], interface.inputs, data, settings.batch_size, self.batch_bytes)
        if settings.validation is not None and validation is not None:
            size = settings.validation.batch_size or settings.batch_size
            path = ["validation", "batch_size"]
            asked.check_batch(path, interface.validation_inputs, validation, size, self.batch_bytes)
        asked.check_micro_batches()
        asked.check_order(data)
        if not asked.problems:  # else they follow from these
            asked.check_checkpoints()
            asked.check_reports()
        if asked.problems:
            raise InvalidJobError(asked.problems)


@dataclass
class _Asked:
    settings: JobSettings
    interface: JobInterface
    problems: list[Problem] = field(default_factory=list[Problem])

    def _report(self, path: Sequence[str], code: str, message: str) -> None:
        self.problems.append(Problem(json_pointer(path), code, message))

    def check_steps(self, most: int) -> None:
        epochs, per_epoch = self.settings.epochs, self.interface.steps_per_epoch
        if epochs * per_epoch > most:
            message = f"{epochs} epochs of {per_epoch} steps are {epochs * per_epoch}; a job has at most {most}"
            self._report(["epochs"], "too_many_steps", message)

    def check_batch(
        self, path: Sequence[str], inputs: Mapping[str, str], data: DatasetInfo, size: int, most: int
    ) -> None:
        types = [data.tensors[tensor] for tensor in inputs.values()]
        row = sum(
            prod(dim for dim in type.shape[1:] if isinstance(dim, int)) * numpy_dtype(type.dtype).itemsize
            for type in types
        )
        taken = row * min(size, data.length)
        if taken > most:
            message = f"the inputs of a batch take {taken} bytes, {row} for each row; at most {most} are allowed"
            self._report(path, "batch_too_large", message)

    def check_micro_batches(self) -> None:
        count, size = self.settings.micro_batches or 1, self.settings.batch_size
        entries = count * len(self.interface.inputs)
        if count > size:
            message = f"there would be {count} micro-batches of {size} rows; at most {size} are possible"
            self._report(["micro_batches"], "too_many_micro_batches", message)
        elif entries > _MOST_MICRO_BATCH_INPUTS:
            message = f"the {count} micro-batches have {entries} inputs; a step has at most {_MOST_MICRO_BATCH_INPUTS}"
            self._report(["micro_batches"], "too_many_micro_batches", message)

    def check_order(self, data: DatasetInfo) -> None:
        if self.settings.shuffle_seed is not None and data.length > _MOST_SHUFFLED_ROWS:
            message = f"the data set has {data.length} rows; at most {_MOST_SHUFFLED_ROWS} are shuffled"
            self._report(["shuffle_seed"], "too_many_rows", message)

    def check_checkpoints(self) -> None:
        policy = self.settings.checkpoints
        if policy is None:
            return
        kept = policy.count(self.settings.epochs, self.interface.steps_per_epoch)
        if policy.keep_last is not None or policy.keep_best is not None:
            kept = min(kept, (policy.keep_last or 0) + (policy.keep_best or 0))
        if kept > _MOST_CHECKPOINTS:
            message = (
                f"{kept} checkpoints would be kept; a job keeps at most {_MOST_CHECKPOINTS}: set keep_last or "
                "keep_best, or make them less often"
            )
            self._report(["checkpoints"], "too_many_checkpoints", message)

    def check_reports(self) -> None:
        settings, per_epoch = self.settings, self.interface.steps_per_epoch
        numbers = settings.epochs * (1 + len(self.interface.figures))
        if settings.validation is not None:
            validations = settings.validation.count(settings.epochs, per_epoch)
            numbers += validations * (1 + self.interface.validation_numbers)
        if numbers > _MOST_REPORTED:
            message = (
                f"the reports of all epochs and validations would have {numbers} numbers; a job's have at most "
                f"{_MOST_REPORTED}: take fewer epochs, or validate less often"
            )
            self._report(["epochs"], "too_many_reports", message)
