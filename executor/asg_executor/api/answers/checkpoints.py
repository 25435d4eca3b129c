"""Answers about checkpoints."""

from typing import NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from asg_executor.api.answers.values import CLOSED, Count, Digest, Figure, StateReference, Step, Time

__all__ = ["Checkpoint", "CheckpointList", "CreatedCheckpoint", "ExportedState", "RestoredState"]


@with_config(CLOSED)
class Checkpoint(TypedDict):
    """A state of a session that has a name."""

    name: str
    """Its name."""

    step: Step
    """The number of the step after which the session was in it."""

    digest: Digest
    """The digest of the state."""

    bytes: Count
    """How much it takes on the disk."""

    created: Time
    """When it was made."""

    metrics: dict[str, Figure]
    """The figures that it was made with, by name."""

    pinned: bool
    """Whether no retention removes it."""


@with_config(CLOSED)
class CreatedCheckpoint(Checkpoint):
    """A checkpoint that was made, or was there already."""

    removed: list[str]
    """The names of those that its retention removed."""


@with_config(CLOSED)
class CheckpointList(TypedDict):
    """Checkpoints."""

    checkpoints: list[Checkpoint]
    """Those of the session, in the order in which they were made."""


@with_config(CLOSED)
class RestoredState(StateReference):
    """Which state a session is in after a checkpoint was restored."""

    set_aside: NotRequired[str]
    """Where the session was damaged: the directory below its own that has the damaged files."""


@with_config(CLOSED)
class ExportedState(TypedDict):
    """A checkpoint that was exported."""

    url: str
    """Where it is."""

    step: Step
    """The number of the step after which the session was in its state."""

    digest: Digest
    """The digest of the state."""

    bytes: Count
    """How much it takes there."""
