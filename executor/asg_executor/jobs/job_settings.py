"""`JobSettings`: what a job is asked for, and its JSON form."""

from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError, model_validator

from asg_executor.jobs.errors import InvalidJobError
from asg_schema.wire import validation_problems

__all__ = ["CheckpointPolicy", "EarlyStopping", "JobSettings", "Mode", "Validation"]

Mode: TypeAlias = Literal["min", "max"]
"""Whether less of a figure is better, or more."""

MOST_SEED = 2**64 - 1

_Count = Annotated[int, Field(ge=1, le=2**53)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Periodic(_Part):
    every_epochs: _Count | None = Field(default=None, description="After every so many epochs.")
    every_steps: _Count | None = Field(default=None, description="After every so many of the job's steps.")

    @model_validator(mode="after")
    def _one_interval(self) -> Self:
        if self.every_epochs is not None and self.every_steps is not None:
            raise ValueError("there are every_epochs and every_steps; at most one is needed")
        return self

    def count(self, epochs: int, steps_per_epoch: int) -> int:
        """How often it is time in a whole job.

        Args:
            epochs: how many epochs the job has.
            steps_per_epoch: how many steps an epoch has.
        """
        if self.every_steps is not None:
            return epochs * steps_per_epoch // self.every_steps
        return epochs // (self.every_epochs or 1)

    def is_due(self, position: int, steps_per_epoch: int) -> bool:
        """Whether it is time after a number of steps.

        Args:
            position: how many steps the job has taken.
            steps_per_epoch: how many an epoch has.
        """
        if self.every_steps is not None:
            return position % self.every_steps == 0
        return position % (steps_per_epoch * (self.every_epochs or 1)) == 0


class Validation(_Periodic):
    """Figures of another data set, without a step. Without an interval after each epoch."""

    dataset: StrictStr = Field(description="The digest of the data set.")
    graph: StrictStr = Field(default="validate", description="The name that the session gives the graph.")
    batch_size: _Count | None = Field(default=None, description="How many rows a run has; absent: that of the job.")
    inputs: dict[StrictStr, StrictStr] | None = Field(
        default=None, description="The tensor of each input, by the input's name; absent: those of the same names."
    )


class EarlyStopping(_Part):
    """The end of a training that does not get any better."""

    monitor: StrictStr = Field(default="val_loss", description='A figure; those of the validation begin with "val_".')
    mode: Mode = Field(default="min", description="Whether less is better, or more.")
    patience: Annotated[int, Field(ge=0)] = Field(
        default=3, description="How many figures in a row may be no better than the best; with the next one it ends."
    )
    min_delta: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=0.0, description="By how much a figure has to be better than the best."
    )
    restore_best: bool = Field(
        default=True,
        description="Whether the session gets the parameters of the best figure at the end. The optimizer's state "
        "stays as it is.",
    )


class CheckpointPolicy(_Periodic):
    """Checkpoints while it goes on. Without an interval after each epoch."""

    keep_last: _Count | None = Field(default=None, description="How many of the newest are kept.")
    keep_best: _Count | None = Field(default=None, description="How many of the best are kept beside these.")
    monitor: StrictStr | None = Field(
        default=None, description="The figure that keep_best compares; absent: val_loss, or the loss."
    )
    mode: Mode = Field(default="min", description="Whether less of it is better, or more.")
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")] | None = Field(
        default=None, description="What their names begin with, before -step-<number>; absent: job-<id>."
    )


class JobSettings(_Part):
    """A training over a data set."""

    dataset: StrictStr = Field(description="The digest of the data set.")
    epochs: _Count = Field(default=1, description="How many times to go through the data set.")
    batch_size: _Count = Field(description="How many rows a step has.")
    micro_batches: _Count | None = Field(
        default=None,
        description="In how many micro-batches each step takes its rows: `train` runs for one after the other, and "
        "their gradients are applied once. Their sizes differ by one row at most, the larger ones come first; a batch "
        "with fewer rows has as many as rows. Absent: the batch is not divided.",
    )
    shuffle_seed: Annotated[int, Field(ge=0, le=MOST_SEED)] | None = Field(
        default=None, description="What the orders of the rows are made from; absent: they stay in order."
    )
    drop_last: bool = Field(
        default=False, description="Whether the rows left at the end of an epoch, fewer than a batch, are left out."
    )
    inputs: dict[StrictStr, StrictStr] | None = Field(
        default=None, description="The tensor of each input, by the input's name; absent: those of the same names."
    )
    loss: StrictStr = Field(default="loss", description="The output of `train` that is the loss.")
    validation: Validation | None = None
    early_stopping: EarlyStopping | None = None
    checkpoints: CheckpointPolicy | None = None

    @classmethod
    def parse(cls, source: Any) -> Self:
        """Read the JSON form.

        Raises:
            InvalidJobError: with every fault of it, each with its JSON Pointer.
        """
        try:
            return cls.model_validate(source)
        except ValidationError as error:
            raise InvalidJobError(validation_problems(error, source)) from None

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return self.model_dump(exclude_none=True)
